using System.Diagnostics;

namespace Ioasis.Devices;

/// <summary>Pauses of an engine that a reset can end.</summary>
public static class EnginePause
{
    /// <summary>Waits; false when the wait was cut short because the command is to stop.</summary>
    /// <param name="abort">The token that the command was given.</param>
    /// <param name="time">How long, to the microsecond; below a millisecond the thread keeps its processor.</param>
    public static bool Pause(this CancellationToken abort, TimeSpan time)
    {
        long end = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
        int milliseconds = (int)Math.Min(time.TotalMilliseconds, int.MaxValue);
        if (milliseconds > 0 && abort.WaitHandle.WaitOne(milliseconds)) return false;
        while (Stopwatch.GetTimestamp() < end && !abort.IsCancellationRequested) Thread.SpinWait(20);
        return !abort.IsCancellationRequested;
    }
}
