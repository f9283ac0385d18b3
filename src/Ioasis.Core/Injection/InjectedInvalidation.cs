namespace Ioasis.Core.Injection;

/// <summary>What an injector does to an invalidation that the owner of a first stage asks for.</summary>
internal static class InjectedInvalidation
{
    /// <summary>Asks, and waits if it is to take longer.</summary>
    /// <returns>Whether it is to be answered as done, and not done.</returns>
    internal static bool IsDropped(Injector injector)
    {
        InjectedFaults chosen = injector.Decide(
            InjectedFaults.InvalidationDropped | InjectedFaults.InvalidationSlow, null, out TimeSpan delay);
        if ((chosen & InjectedFaults.InvalidationSlow) != 0) Thread.Sleep(delay);
        return (chosen & InjectedFaults.InvalidationDropped) != 0;
    }
}
