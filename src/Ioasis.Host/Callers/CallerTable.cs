using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Ioasis.Abi;
using Ioasis.Host.Devices;
using Ioasis.Host.Serving;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Linux.Processes;
using Ioasis.Linux.Seccomp;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Callers;

/// <summary>
/// The threads and processes that called nodes of ours. Other threads and processes cost nothing here.
/// </summary>
/// <param name="listener">Tells whether a call still waits.</param>
/// <param name="files">The files of ours that programs have open.</param>
/// <param name="opener">Opens more of them.</param>
/// <param name="watchProcess">Called with a new process's pidfd and ID. When the process ends, the callee calls
/// <see cref="Forget"/>.</param>
/// <param name="execs">Threads that may be about to exec.</param>
internal sealed class CallerTable(
    SeccompListener listener, OpenFiles files, NodeOpener opener, Action<FileDescriptor, int> watchProcess,
    PendingExecs execs) : IDisposable
{
    // We keep up to ten files open per thread and five per process. Each kind may use an eighth of our descriptors.
    private const int FilesOfThread = 10, FilesOfProcess = 5;
    private const int MostThreadsOfOne = 64;

    private readonly ConcurrentDictionary<int, CallerThread> _threads = new();
    private readonly int _mostThreads =
        (int)Math.Max(MostThreadsOfOne, SysProcesses.DescriptorLimit / 8 / FilesOfThread);
    private readonly int _mostProcesses = (int)Math.Max(16, SysProcesses.DescriptorLimit / 8 / FilesOfProcess);

    // Guards the fields below, and additions to and removals from _threads. No one waits while holding it.
    private readonly RankedLock _lock = new(LockRank.CallerTable);
    private readonly Dictionary<int, CallerProcess> _processes = [];

    /// <summary>Number of known processes and threads. For a test that they are forgotten.</summary>
    public (int Processes, int Threads) Count
    {
        get { using (_lock.Enter()) return (_processes.Count, _threads.Count); }
    }

    /// <summary>Whether anything is pinned for any process.</summary>
    public bool HasPins
    {
        get
        {
            using (_lock.Enter())
            {
                foreach (CallerProcess process in _processes.Values)
                    if ((process.Pins.Pinned | process.Pins.Locked) != 0) return true;
                return false;
            }
        }
    }

    /// <summary>
    /// Finds the thread that makes a call and the open file of ours that the call is on. Holds both for the call;
    /// <see cref="Leave"/> releases them.
    /// </summary>
    /// <param name="call">The call.</param>
    /// <param name="descriptor">The descriptor that the call is on.</param>
    /// <param name="thread">The thread. It waits from here on.</param>
    /// <param name="open">The open file.</param>
    /// <param name="otherwise">The answer, if the result is false. The kernel continues the call if the descriptor is
    /// not ours or not open, or the caller is gone. An errno if we lack the descriptors or memory to find out: a call
    /// on a file that may be ours must not reach the kernel.</param>
    public bool TryIdentify(
        in SeccompNotif call, int descriptor, [NotNullWhen(true)] out CallerThread? thread,
        [NotNullWhen(true)] out OpenFile? open, out Answer otherwise)
    {
        execs.Settle((int)call.Pid);
        if (_threads.TryGetValue((int)call.Pid, out thread) && thread.TryEnter(call.Id))
        {
            Errno errno = thread.TryHold(descriptor, out open);
            if (open is not null && thread.Process.IsStillThat(thread.Directory))
            {
                open.NoteUser(thread.Process.Pid);
                otherwise = default;
                return true;
            }

            open?.Release();
            thread.LeaveCall();
            // The answers came from files bound to that thread, so that thread is the caller.
            if ((errno == Errno.None && open is null) || IsShortage(errno))
                return Otherwise(errno, out open, out otherwise);
        }

        Errno renewed = TryRenew(call, descriptor, out thread);
        if (renewed != Errno.None) return Otherwise(renewed, out open, out otherwise);
        Errno held = thread!.TryHold(descriptor, out open);
        if (open is not null)
        {
            open.NoteUser(thread.Process.Pid);
            otherwise = default;
            return true;
        }

        thread.LeaveCall();
        return Otherwise(held, out open, out otherwise);
    }

    /// <summary>Ends a call that <see cref="TryIdentify"/> began.</summary>
    public static void Leave(CallerThread thread, OpenFile open)
    {
        thread.LeaveCall();
        open.Release();
    }

    /// <summary>Best guess of the process of the thread that makes a call; the thread's own ID if unknown.</summary>
    public int ProgramOf(in SeccompNotif call)
    {
        int id = (int)call.Pid;
        if (_threads.TryGetValue(id, out CallerThread? thread)) return thread.Process.Pid;
        return ThreadStatus.TryReadProcess(id, out int process) ? process : id;
    }

    /// <summary>The process of a thread whose call was just served.</summary>
    public bool TryFind(in SeccompNotif call, [NotNullWhen(true)] out CallerProcess? process)
    {
        process = _threads.TryGetValue((int)call.Pid, out CallerThread? thread) ? thread.Process : null;
        return process is not null;
    }

    /// <summary>
    /// The process of the thread that makes a call, if devices are bound to its memory. A process that never called a
    /// node of ours has no such devices, nor has the program after an exec.
    /// </summary>
    public bool TryFindBound(in SeccompNotif call, [NotNullWhen(true)] out CallerProcess? process)
    {
        process = null;
        int id = (int)call.Pid;
        if (_threads.TryGetValue(id, out CallerThread? thread) && thread.IsAlive)
        {
            // Whether it still runs the same program is checked only here, because the check is slow.
            if (!thread.Process.Memory.Changes.HasNotifiers) return false;
            if (thread.Process.IsStillThat(thread.Directory)) process = thread.Process;
            return process is not null;
        }

        using (_lock.Enter())
        {
            if (!_processes.Values.Any(one => one.Memory.Changes.HasNotifiers)
                || OpenThread(id, out FileDescriptor directory) != Errno.None) return false;
            if (!ThreadStatus.TryRead(directory, out ThreadStatus status)
                || !_processes.TryGetValue(status.Process, out CallerProcess? found)
                || HasEnded(found) || !found.IsStillThat(directory))
            {
                directory.Dispose();
                return false;
            }

            TryAdd(new CallerThread(id, directory, OpenPidfd(id, found), found, files, opener));
            if (!found.Memory.Changes.HasNotifiers) return false;
            process = found;
            return true;
        }
    }

    /// <summary>
    /// Notes that a thread is about to exec: its process may become another program with other memory.
    /// </summary>
    public void NoteExec(in SeccompNotif call)
    {
        execs.Note((int)call.Pid);
        using (_lock.Enter())
        {
            if (_processes.Count == 0) return;
            if (OpenThread((int)call.Pid, out FileDescriptor directory) != Errno.None) return;
            using (directory)
                if (ThreadStatus.TryRead(directory, out ThreadStatus status)
                    && _processes.TryGetValue(status.Process, out CallerProcess? process))
                    process.MayHaveExeced = true;
        }
    }

    /// <summary>The pages pinned for a process, and those charged to it.</summary>
    public (ulong Pinned, ulong Locked) PinsOf(int pid)
    {
        using (_lock.Enter())
        {
            if (!_processes.TryGetValue(pid, out CallerProcess? process) || HasEnded(process)) return (0, 0);
            if (process.MayHaveExeced)
            {
                // It runs another program by now, which has no pins.
                if (OpenThread(pid, out FileDescriptor directory) != Errno.None) return (0, 0);
                using (directory)
                    if (!process.IsStillThat(directory)) return (0, 0);
            }

            return (process.Pins.Pinned, process.Pins.Locked);
        }
    }

    /// <summary>Releases what is held for a process that has ended.</summary>
    public void Forget(int pid)
    {
        using (_lock.Enter())
        {
            if (_processes.TryGetValue(pid, out CallerProcess? process) && HasEnded(process)) Remove(process);
        }
    }

    public void Dispose()
    {
        using (_lock.Enter())
        {
            foreach (CallerProcess process in _processes.Values.ToArray()) Remove(process);
        }
    }

    private static bool Otherwise(Errno errno, out OpenFile? open, out Answer otherwise)
    {
        open = null;
        otherwise = IsShortage(errno) ? errno : Answer.Continue;
        return false;
    }

    private static bool IsShortage(Errno errno) => errno is Errno.EMFILE or Errno.ENFILE or Errno.ENOMEM;

    // The slow path: first call of a thread, first call after an exec, or a descriptor that is not open. Enters the
    // thread. EBADF means that the kernel continues the call.
    private Errno TryRenew(in SeccompNotif call, int descriptor, out CallerThread? thread)
    {
        int id = (int)call.Pid;
        if (_threads.TryGetValue(id, out thread) && !ForgetIfGone(thread) && thread.TryEnter(call.Id))
            return Errno.None;

        thread = null;
        Errno errno = OpenThread(id, out FileDescriptor directory);
        if (errno == Errno.None)
        {
            errno = CallerThread.TryStat(directory, descriptor, out LinuxStat stat);
            if (errno == Errno.None && !files.IsCarrier(stat.Dev, stat.Ino)) errno = Errno.EBADF;
            CallerProcess? process = null;
            if (errno == Errno.None)
                // the table now owns it
                errno = ThreadStatus.TryRead(directory, out ThreadStatus status)
                    ? GetProcess(call, directory, status.Process, out process)
                    : Errno.ENOMEM;
            if (errno == Errno.None)
                return Enter(call, new CallerThread(id, directory, OpenPidfd(id, process!), process!, files, opener),
                    out thread);
            directory.Dispose();
        }

        return IsShortage(errno) ? errno : Errno.EBADF;
    }

    private Errno Enter(in SeccompNotif call, CallerThread made, out CallerThread? thread)
    {
        thread = null;
        // A valid call proves that the ID meant this thread.
        if (made.IsAlive && listener.IsValid(call.Id) && made.TryEnter(call.Id))
        {
            // If the table is full, the thread object serves this one call.
            using (_lock.Enter())
                if (!TryAdd(made)) made.Dispose();
            thread = made;
            return Errno.None;
        }

        made.Dispose();
        return Errno.EBADF;
    }

    // Forgets a thread that is gone, or whose process runs another program by now. False otherwise.
    private bool ForgetIfGone(CallerThread thread)
    {
        bool sameProgram = thread.Process.IsStillThat(thread.Directory), alive = thread.IsAlive;
        if (sameProgram && alive) return false;
        using (_lock.Enter())
        {
            if (alive) Remove(thread.Process);
            else Remove(thread);
        }

        return true;
    }

    private bool TryAdd(CallerThread thread)
    {
        // Its process may have become another program meanwhile.
        if (!_processes.TryGetValue(thread.Process.Pid, out CallerProcess? process) || process != thread.Process)
            return false;
        if (_threads.TryGetValue(thread.Id, out CallerThread? former)) Remove(former);
        if (_threads.Count >= _mostThreads) Evict(null);
        if (process.Threads.Count >= MostThreadsOfOne) Evict(process);
        if (_threads.Count >= _mostThreads || process.Threads.Count >= MostThreadsOfOne) return false;
        _threads[thread.Id] = thread;
        thread.Process.Threads.Add(thread);
        return true;
    }

    // Evicts the thread whose last call is the oldest, among those that are not in a call.
    private void Evict(CallerProcess? process)
    {
        CallerThread? oldest = null;
        foreach (CallerThread one in process is null ? _threads.Values : process.Threads)
            if (!one.IsInCall && (oldest is null || one.LastCall < oldest.LastCall)) oldest = one;
        if (oldest is not null) Remove(oldest);
    }

    private Errno GetProcess(in SeccompNotif call, FileDescriptor directory, int pid, out CallerProcess? process)
    {
        bool known;
        using (_lock.Enter()) known = _processes.TryGetValue(pid, out process);
        if (known)
        {
            if (!HasEnded(process!) && process!.IsStillThat(directory)) return Errno.None;
            using (_lock.Enter()) Remove(process!);
        }

        process = null;
        ProgramImage image = ProgramImage.Read(directory);
        Errno errno = ProcessMemory.TryOpen(pid, directory, "../", files.IsCarrier, out ProcessMemory? memory);
        if (errno != Errno.None) return errno;
        errno = SysProcesses.OpenPidfd(pid, 0, out FileDescriptor pidfd);
        if (errno != Errno.None)
        {
            memory!.Dispose();
            return errno;
        }

        StableId? stable = listener.Program is { } program && program.Id == pid ? program : null;
        // If the process is in an exec, we cannot tell which program we looked at.
        var found = new CallerProcess(pid, pidfd, memory!, image)
        {
            StableId = stable,
            MayHaveExeced = execs.ArePendingIn(pid)
        };
        // A valid call proves that the IDs meant these processes.
        errno = listener.IsValid(call.Id) ? Errno.None : Errno.EBADF;
        using (_lock.Enter())
        {
            // Another thread of the process may have been quicker.
            if (errno == Errno.None && _processes.TryGetValue(pid, out process)) errno = Errno.EEXIST;
            else if (errno == Errno.None && _processes.Count >= _mostProcesses) errno = Errno.ENFILE;
            else if (errno == Errno.None) _processes.Add(pid, process = found);
        }

        if (errno == Errno.None) watchProcess(pidfd, pid);
        else found.Dispose();
        return errno == Errno.EEXIST ? Errno.None : errno;
    }

    // A thread other than the first has had a pidfd only since Linux 6.9.
    private static FileDescriptor? OpenPidfd(int id, CallerProcess process)
    {
        uint flags = id == process.Pid ? 0 : SysProcesses.PIDFD_THREAD;
        return SysProcesses.OpenPidfd(id, flags, out FileDescriptor pidfd) == Errno.None ? pidfd : null;
    }

    private void Remove(CallerProcess process)
    {
        if (!_processes.TryGetValue(process.Pid, out CallerProcess? known) || known != process) return;
        _processes.Remove(process.Pid);
        foreach (CallerThread thread in process.Threads.ToArray()) Remove(thread);
        process.Dispose();
    }

    private void Remove(CallerThread thread)
    {
        thread.Process.Threads.Remove(thread);
        _threads.TryRemove(new KeyValuePair<int, CallerThread>(thread.Id, thread));
        thread.Dispose();
    }

    private static bool HasEnded(CallerProcess process) =>
        SysEvents.Poll(process.Pidfd, SysEvents.POLLIN, 0, out short ready) != Errno.None || ready != 0;

    private static Errno OpenThread(int id, out FileDescriptor directory) =>
        SysFiles.Open($"/proc/{id}/fd", FcntlH.O_RDONLY | FcntlH.O_DIRECTORY, out directory);
}
