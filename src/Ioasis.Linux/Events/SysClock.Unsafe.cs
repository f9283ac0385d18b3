using System.Runtime.InteropServices;
using Ioasis.Linux.Processes;

namespace Ioasis.Linux.Events;

/// <summary>Sleep that is shorter than .NET has it.</summary>
internal static unsafe partial class SysClock
{
    private const int CLOCK_MONOTONIC = 1;

    [ThreadStatic]
    private static bool t_isPunctual;

    /// <summary>
    /// clock_nanosleep(2) for some microseconds, less than a million. The first time it gives up the calling thread's
    /// timer slack, which would make 60 us of 10. A signal may end it early.
    /// </summary>
    public static void Nap(int microseconds)
    {
        if (!t_isPunctual)
        {
            SysProcesses.SetTimerSlack(1);
            t_isPunctual = true;
        }

        var time = new TimeSpec { Nanoseconds = microseconds * 1000L };
        // SAFETY: the kernel reads 16 bytes of ours during the call.
        _ = clock_nanosleep(CLOCK_MONOTONIC, 0, &time, null);
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    [LibraryImport("libc")]
    private static partial int clock_nanosleep(int clock, int flags, TimeSpec* time, TimeSpec* left);
}
