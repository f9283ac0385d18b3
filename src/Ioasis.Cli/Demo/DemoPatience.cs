namespace Ioasis.Cli.Demo;

/// <summary>Waiting for a device, but not forever.</summary>
internal static class DemoPatience
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10); // far longer than anything takes

    /// <summary>Waits until something is so.</summary>
    /// <exception cref="TimeoutException">It did not become so.</exception>
    internal static void Until(Func<bool> condition, string what)
    {
        long end = Environment.TickCount64 + (long)s_limit.TotalMilliseconds;
        while (!condition())
        {
            if (Environment.TickCount64 > end)
                throw new TimeoutException(
                $"After {s_limit.TotalSeconds} s there is still not what was waited for: {what}.");
            Thread.Yield();
        }
    }
}
