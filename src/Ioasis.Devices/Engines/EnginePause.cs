using System.Diagnostics;

namespace Ioasis.Devices;

/// <summary>Pauses of an engine, which a reset can end.</summary>
public static class EnginePause
{
    /// <summary>Waits; false if the command was told to stop.</summary>
    /// <param name="abort">The command's token.</param>
    /// <param name="time">The duration, precise to the microsecond. Below a millisecond the thread spins.</param>
    public static bool Pause(this CancellationToken abort, TimeSpan time)
    {
        long end = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
        int milliseconds = (int)Math.Min(time.TotalMilliseconds, int.MaxValue);
        if (milliseconds > 0 && abort.WaitHandle.WaitOne(milliseconds)) return false;
        while (Stopwatch.GetTimestamp() < end && !abort.IsCancellationRequested) Thread.SpinWait(20);
        return !abort.IsCancellationRequested;
    }
}
