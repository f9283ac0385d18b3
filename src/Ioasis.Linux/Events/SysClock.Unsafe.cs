using System.Runtime.InteropServices;
using Ioasis.Linux.Processes;

namespace Ioasis.Linux.Events;

/// <summary>Sleeps shorter than .NET offers.</summary>
internal static unsafe partial class SysClock
{
    private const int CLOCK_MONOTONIC = 1;

    [ThreadStatic]
    private static bool s_isPunctual;

    /// <summary>
    /// clock_nanosleep(2) for less than a million microseconds. The first call sets the calling thread's timer slack to
    /// 1 ns, because the default slack makes 60 us of 10. A signal may end the sleep early.
    /// </summary>
    public static void Nap(int microseconds)
    {
        if (!s_isPunctual)
        {
            SysProcesses.SetTimerSlack(1);
            s_isPunctual = true;
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
