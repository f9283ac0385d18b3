namespace Ioasis.Cli.Demo;

/// <summary>Waiting for a device, but not forever.</summary>
internal static class DemoPatience
{
    /// <summary>Far longer than anything takes.</summary>
    internal static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>Waits until something is so.</summary>
    /// <exception cref="TimeoutException">It did not become so.</exception>
    internal static void Until(Func<bool> condition, string what)
    {
        long end = Environment.TickCount64 + (long)Limit.TotalMilliseconds;
        while (!condition())
        {
            if (Environment.TickCount64 > end) throw new TimeoutException($"After {Limit.TotalSeconds} s there is still not what was waited for: {what}.");
            Thread.Yield();
        }
    }
}
