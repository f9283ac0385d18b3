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

namespace Ioasis.Host.Callers;

/// <summary>
/// The threads and processes that called nodes of ours. Only those: what else a program starts costs nothing here.
/// </summary>
/// <param name="listener">Says whether a call still waits.</param>
/// <param name="nodes">The open files of our nodes.</param>
/// <param name="opener">Opens further ones.</param>
/// <param name="watchProcess">Called with a new process's pidfd and ID, to be told of its end by
/// <see cref="Forget"/>.</param>
/// <param name="execs">Which threads may be about to make a process another program.</param>
internal sealed class CallerTable(
    SeccompListener listener, OpenNodes nodes, NodeOpener opener, Action<FileDescriptor, int> watchProcess,
        PendingExecs execs) : IDisposable
{
    // Of a thread we keep up to ten files open, of a process five: an eighth of what we may have open is for each of
    // the two.
    private const int FilesOfThread = 10, FilesOfProcess = 5;
    private const int MostThreadsOfOne = 64;

    private readonly ConcurrentDictionary<int, CallerThread> _threads = new();
    private readonly int _mostThreads =
        (int)Math.Max(MostThreadsOfOne, SysProcesses.DescriptorLimit / 8 / FilesOfThread);
    private readonly int _mostProcesses = (int)Math.Max(16, SysProcesses.DescriptorLimit / 8 / FilesOfProcess);

    // Guards what follows, and additions to and removals from _threads. Nothing is waited for while it is held.
    private readonly Lock _lock = new();
    private readonly Dictionary<int, CallerProcess> _processes = [];

    /// <summary>How many processes and threads are known, for a test that they are forgotten again.</summary>
    public (int Processes, int Threads) Count
    {
        get { lock (_lock) return (_processes.Count, _threads.Count); }
    }

    /// <summary>Whether anything is pinned in the name of any process.</summary>
    public bool HasPins
    {
        get
        {
            lock (_lock)
            {
                foreach (CallerProcess process in _processes.Values)
                    if ((process.Pins.Pinned | process.Pins.Locked) != 0) return true;
                return false;
            }
        }
    }

    /// <summary>
    /// Which thread makes a call on which open file of ours. Both are held for the call: <see cref="Leave"/> ends that.
    /// </summary>
    /// <param name="call">The call.</param>
    /// <param name="descriptor">The descriptor that it is about.</param>
    /// <param name="thread">The thread, which waits from here on.</param>
    /// <param name="open">The open file.</param>
    /// <param name="otherwise">
    /// The answer if there is none. The kernel's, where the descriptor is none of ours or not open, or the caller gone.
    /// Where we cannot find out, for want of descriptors or memory, an errno: what may be ours is not the kernel's to
    /// do.
    /// </param>
    public bool TryIdentify(
        in SeccompNotif call, int descriptor, [NotNullWhen(true)] out CallerThread? thread,
        [NotNullWhen(true)] out OpenNode? open, out Answer otherwise)
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
            // What it was asked by is that thread's alone; so it is the one that calls.
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

    /// <summary>The call that <see cref="TryIdentify"/> began is over.</summary>
    public static void Leave(CallerThread thread, OpenNode open)
    {
        thread.LeaveCall();
        open.Release();
    }

    /// <summary>
    /// The process of the thread that makes a call: for what need not be sure. The thread's own number where it cannot
    /// be found.
    /// </summary>
    public int ProgramOf(in SeccompNotif call)
    {
        int id = (int)call.Pid;
        if (_threads.TryGetValue(id, out CallerThread? thread)) return thread.Process.Pid;
        return ThreadStatus.TryReadProcess(id, out int process) ? process : id;
    }

    /// <summary>
    /// The process of a thread that makes a call, if devices access its memory. Who was never seen to call a node of
    /// ours has none that do, and neither has the program after an exec.
    /// </summary>
    public bool TryFindBound(in SeccompNotif call, [NotNullWhen(true)] out CallerProcess? process)
    {
        process = null;
        int id = (int)call.Pid;
        if (_threads.TryGetValue(id, out CallerThread? thread) && thread.IsAlive)
        {
            // Only what is asked for seldom: whether it is the same program still.
            if (!thread.Process.Memory.Changes.HasNotifiers) return false;
            if (thread.Process.IsStillThat(thread.Directory)) process = thread.Process;
            return process is not null;
        }

        lock (_lock)
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

            TryAdd(new CallerThread(id, directory, OpenPidfd(id, found), found, nodes, opener));
            if (!found.Memory.Changes.HasNotifiers) return false;
            process = found;
            return true;
        }
    }

    /// <summary>A thread is about to exec: its process may become another program, with other memory.</summary>
    public void NoteExec(in SeccompNotif call)
    {
        execs.Note((int)call.Pid);
        lock (_lock)
        {
            if (_processes.Count == 0) return;
            if (OpenThread((int)call.Pid, out FileDescriptor directory) != Errno.None) return;
            using (directory)
                if (ThreadStatus.TryRead(directory, out ThreadStatus status)
                    && _processes.TryGetValue(status.Process, out CallerProcess? process))
                    process.MayHaveExeced = true;
        }
    }

    /// <summary>How many pages are pinned in the name of a process, and how many charged to it.</summary>
    public (ulong Pinned, ulong Locked) PinsOf(int pid)
    {
        lock (_lock)
        {
            if (!_processes.TryGetValue(pid, out CallerProcess? process) || HasEnded(process)) return (0, 0);
            if (process.MayHaveExeced)
            {
                // Of another program by now, and that has none.
                if (OpenThread(pid, out FileDescriptor directory) != Errno.None) return (0, 0);
                using (directory)
                    if (!process.IsStillThat(directory)) return (0, 0);
            }

            return (process.Pins.Pinned, process.Pins.Locked);
        }
    }

    /// <summary>A process has ended: what is held for it is given back.</summary>
    public void Forget(int pid)
    {
        lock (_lock)
        {
            if (_processes.TryGetValue(pid, out CallerProcess? process) && HasEnded(process)) Remove(process);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (CallerProcess process in _processes.Values.ToArray()) Remove(process);
        }
    }

    private static bool Otherwise(Errno errno, out OpenNode? open, out Answer otherwise)
    {
        open = null;
        otherwise = IsShortage(errno) ? errno : Answer.Continue;
        return false;
    }

    private static bool IsShortage(Errno errno) => errno is Errno.EMFILE or Errno.ENFILE or Errno.ENOMEM;

    // The slow way: first call of a thread, first call after an exec, or a descriptor that is not open. The thread is
    // entered. EBADF: the kernel is to answer.
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
            if (errno == Errno.None && !nodes.IsCarrier(stat.Dev, stat.Ino)) errno = Errno.EBADF;
            CallerProcess? process = null;
            if (errno == Errno.None)
                // it is ours
                errno = ThreadStatus.TryRead(directory, out ThreadStatus status)
                    ? GetProcess(call, directory, status.Process, out process)
                    : Errno.ENOMEM;
            if (errno == Errno.None)
                return Enter(call, new CallerThread(id, directory, OpenPidfd(id, process!), process!, nodes, opener),
                out thread);
            directory.Dispose();
        }

        return IsShortage(errno) ? errno : Errno.EBADF;
    }

    private Errno Enter(in SeccompNotif call, CallerThread made, out CallerThread? thread)
    {
        thread = null;
        // Only now is it sure that the ID meant what it was taken for.
        if (made.IsAlive && listener.IsValid(call.Id) && made.TryEnter(call.Id))
        {
            // Where there is no room for it, it serves this one call.
            lock (_lock)
                if (!TryAdd(made)) made.Dispose();
            thread = made;
            return Errno.None;
        }

        made.Dispose();
        return Errno.EBADF;
    }

    // Forgets a thread that is gone, or whose process runs another program by now. False when it is neither.
    private bool ForgetIfGone(CallerThread thread)
    {
        bool sameProgram = thread.Process.IsStillThat(thread.Directory), alive = thread.IsAlive;
        if (sameProgram && alive) return false;
        lock (_lock)
        {
            if (alive) Remove(thread.Process);
            else Remove(thread);
        }

        return true;
    }

    private bool TryAdd(CallerThread thread)
    {
        // Meanwhile its process may have become another program.
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

    // Gives up the one that has not called for the longest time, and does not wait now.
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
        lock (_lock) known = _processes.TryGetValue(pid, out process);
        if (known)
        {
            if (!HasEnded(process!) && process!.IsStillThat(directory)) return Errno.None;
            lock (_lock) Remove(process!);
        }

        process = null;
        ProgramImage image = ProgramImage.Read(directory);
        Errno errno = ProcessMemory.TryOpen(pid, directory, "../", nodes.IsCarrier, out ProcessMemory? memory);
        if (errno != Errno.None) return errno;
        errno = SysProcesses.OpenPidfd(pid, 0, out FileDescriptor pidfd);
        if (errno != Errno.None)
        {
            memory!.Dispose();
            return errno;
        }

        StableId? stable = listener.Program is { } program && program.Id == pid ? program : null;
        // Of one that is becoming another program it is not sure which one was looked at.
        var found = new CallerProcess(
            pid, pidfd, memory!, image)
        { StableId = stable, MayHaveExeced = execs.ArePendingIn(pid) };
        // Only now is it sure that the IDs meant what they were taken for.
        errno = listener.IsValid(call.Id) ? Errno.None : Errno.EBADF;
        lock (_lock)
        {
            // Another thread of it may have been quicker.
            if (errno == Errno.None && _processes.TryGetValue(pid, out process)) errno = Errno.EEXIST;
            else if (errno == Errno.None && _processes.Count >= _mostProcesses) errno = Errno.ENFILE;
            else if (errno == Errno.None) _processes.Add(pid, process = found);
        }

        if (errno == Errno.None) watchProcess(pidfd, pid);
        else found.Dispose();
        return errno == Errno.EEXIST ? Errno.None : errno;
    }

    // A thread that is not the first has a pidfd of its own since Linux 6.9.
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
