namespace Ioasis.Scenes;

/// <summary>Waits for a device, with a time limit.</summary>
internal static class DemoPatience
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10); // far longer than any wait takes

    /// <summary>Waits until a condition holds.</summary>
    /// <exception cref="TimeoutException">It did not hold within the limit.</exception>
    internal static void Until(Func<bool> condition, string what)
    {
        long end = Environment.TickCount64 + (long)s_limit.TotalMilliseconds;
        while (!condition())
        {
            if (Environment.TickCount64 > end)
                throw new TimeoutException($"Waited {s_limit.TotalSeconds} s in vain for {what}.");
            Thread.Yield();
        }
    }
}
