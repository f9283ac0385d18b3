using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Ioasis.Tests;

/// <summary>
/// Waits for what another thread is about to do, with a limit: a fault of ours is a test that fails and not one that
/// hangs.
/// </summary>
internal static class Until
{
    /// <summary>How long anything may take on a machine that is busy with other things.</summary>
    internal static TimeSpan Patience { get; } = TimeSpan.FromSeconds(60);

    /// <summary>Returns as soon as a condition is true.</summary>
    internal static void True(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string what = "")
    {
        long start = Stopwatch.GetTimestamp();
        SpinWait wait = default;
        while (!condition())
        {
            wait.SpinOnce(sleep1Threshold: -1);
            if (wait.Count % 1024 == 0 && Stopwatch.GetElapsedTime(start) > Patience)
                Assert.Fail($"never came true: {what}");
        }
    }
}
