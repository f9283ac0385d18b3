namespace Ioasis.Tests;

/// <summary>Whether code allocates.</summary>
internal static class Allocation
{
    private const int Enough = 100, Most = 3000;

    /// <summary>
    /// Fails unless a call, once it is warm, allocates nothing many times in a row. A collection, of any thread's
    /// making, takes this thread's free space away, which then counts as allocated. So one call may show bytes now and
    /// then; one that allocates shows them again and again.
    /// </summary>
    /// <param name="call">The call.</param>
    /// <param name="prepare">Done before each call. It may allocate.</param>
    /// <param name="finish">Done after each call. It may allocate.</param>
    internal static void None(Action call, Action? prepare = null, Action? finish = null)
    {
        for (int clean = 0, calls = 0; clean < Enough; calls++)
        {
            Assert.True(calls < Most, $"no {Enough} calls in a row allocate nothing");
            prepare?.Invoke();
            long before = GC.GetAllocatedBytesForCurrentThread();
            call();
            clean = GC.GetAllocatedBytesForCurrentThread() == before ? clean + 1 : 0;
            finish?.Invoke();
        }
    }
}
