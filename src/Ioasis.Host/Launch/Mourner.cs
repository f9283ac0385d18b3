using System.Globalization;
using Ioasis.Abi;
using Ioasis.Host.Serving;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;
using Ioasis.Linux.Seccomp;

namespace Ioasis.Host.Launch;

/// <summary>
/// What runs after a supervisor was killed: takes its programs with it, or lets the kernel do their calls from now on.
/// It lives as long as a process has the filter.
/// </summary>
internal static class Mourner
{
    private const int SIGKILL = 9;
    private const ulong MostNear = 4096;

    /// <summary>Does so until the last program has ended.</summary>
    /// <param name="arguments">The numbers of the listener, of the file of <see cref="StandingCalls"/> and of the
    /// program's pidfd, the process IDs of the program and of the supervisor, and <c>kill</c> or
    /// <c>continue</c>.</param>
    public static int Run(string[] arguments)
    {
        int[] numbers = [.. arguments.Take(5).Select(a =>
            int.TryParse(a, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : -1)];
        if (arguments.Length != 6 || numbers.Contains(-1)) return ExitCodes.Failed;
        using var listener = new SeccompListener(new FileDescriptor(numbers[0]));
        using var program = new FileDescriptor(numbers[2]);
        bool kills = arguments[5] == "kill";
        ErrorOutput.Say(string.Create(CultureInfo.InvariantCulture, $"the supervisor ({numbers[4]}) was killed; ")
            + (kills ? "its programs are killed too" : "its programs run on without devices"));
        if (kills && HasNotEnded(program)) ProcessTree.Kill([numbers[3]]);
        using (var standing = new FileDescriptor(numbers[1])) AnswerStanding(listener, standing);
        while (SysEvents.Poll(listener.File, SysEvents.POLLIN, -1, out short ready) is Errno.None or Errno.EINTR)
        {
            if ((ready & SysEvents.POLLIN) == 0)
            {
                if (ready != 0) break; // the filter has no users left
                continue;
            }

            if (listener.Receive(out SeccompNotif call) != Errno.None) continue;
            // What was left behind before: its parent has ended, so nothing but its call tells that it is ours.
            if (kills) SysProcesses.Kill((int)call.Pid, SIGKILL);
            else Continue(listener, call.Id);
        }

        return 0;
    }

    // Calls that the supervisor had received and not answered: those that it had noted, and those near the last one. It
    // may have been killed before it noted one, and Linux counts the IDs up. Nothing happens to a call that nobody has
    // received yet.
    private static void AnswerStanding(SeccompListener listener, FileDescriptor file)
    {
        if (StandingCalls.TryOpen(file) is not { } calls) return;
        foreach (ulong id in calls.All) Continue(listener, id);
        for (ulong away = 0; away <= 2 * MostNear; away++) Continue(listener, unchecked(calls.Last - MostNear + away));
    }

    private static void Continue(SeccompListener listener, ulong id) =>
        listener.Send(new SeccompNotifResp { Id = id, Flags = SeccompH.SECCOMP_USER_NOTIF_FLAG_CONTINUE });

    private static bool HasNotEnded(FileDescriptor process) =>
        SysEvents.Poll(process, SysEvents.POLLIN, 0, out short ready) == Errno.None && ready == 0;
}
