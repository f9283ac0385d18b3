using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;

namespace Ioasis.Core.Injection;

/// <summary>What an injector does to an access of a device.</summary>
internal static class InjectedAccess
{
    private const InjectedFaults Some = InjectedFaults.DmaFault | InjectedFaults.DmaDelay;

    /// <summary>What decides about accesses behind a unit; null for nothing.</summary>
    internal static Injector? InjectorOf(IommuUnit unit) =>
        unit.Injector is { } injector && (injector.Faults & Some) != 0 ? injector : null;

    /// <summary>
    /// Asks, and waits if the access is to take longer. Not within an access, so that nobody who takes a translation
    /// away waits for this.
    /// </summary>
    /// <returns>Whether the access is refused.</returns>
    internal static bool IsRefused(Injector injector, Endpoint endpoint)
    {
        InjectedFaults chosen = injector.Decide(Some, endpoint, out TimeSpan delay);
        if ((chosen & InjectedFaults.DmaDelay) != 0) EngineStop.Current.WaitHandle.WaitOne(delay);
        return (chosen & InjectedFaults.DmaFault) != 0;
    }
}
