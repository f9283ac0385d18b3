using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Ioasis.Abi;
using Ioasis.Host.Devices;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Linux.Processes;
using Ioasis.Linux.Seccomp;

namespace Ioasis.Host.Callers;

/// <summary>The threads and processes that called nodes of ours. Only those: what else a program starts costs nothing here.</summary>
/// <param name="listener">Says whether a call still waits.</param>
/// <param name="nodes">The open files of our nodes.</param>
/// <param name="opener">Opens further ones.</param>
/// <param name="watchProcess">Called with a new process's pidfd and ID, to be told of its end by <see cref="Forget"/>.</param>
internal sealed class CallerTable(SeccompListener listener, OpenNodes nodes, NodeOpener opener, Action<FileDescriptor, int> watchProcess) : IDisposable
{
    private const int FirstSweep = 64;

    private readonly ConcurrentDictionary<int, CallerThread> _threads = new();

    // Guards what follows, and additions to and removals from _threads.
    private readonly Lock _lock = new();
    private readonly Dictionary<int, CallerProcess> _processes = [];
    private int _sweepAt = FirstSweep;

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
    /// Which thread makes a call on which open file of ours, held for the call. False when the descriptor is none of ours, not open, or
    /// the caller gone: then the kernel answers.
    /// </summary>
    public bool TryIdentify(in SeccompNotif call, int descriptor, [NotNullWhen(true)] out CallerThread? thread, [NotNullWhen(true)] out OpenNode? open)
    {
        open = null;
        if (_threads.TryGetValue((int)call.Pid, out thread) && thread.TryHold(descriptor, out open))
        {
            // What it was asked by is that thread's alone; so it is the one that calls.
            if (open is null) return false;
            if (thread.Process.IsStillThat(thread.Directory)) return true;
            open.Release();
            open = null;
        }

        return TryRenew(call, descriptor, out thread) && thread.TryHold(descriptor, out open) && open is not null;
    }

    /// <summary>
    /// The process of a thread that makes a call, if devices access its memory. Who was never seen to call a node of ours has none that do, and neither
    /// has the program after an exec.
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
            if (!_processes.Values.Any(one => one.Memory.Changes.HasNotifiers) || !TryOpenThread(id, out FileDescriptor? directory)) return false;
            if (!ThreadStatus.TryRead(directory, out ThreadStatus status) || !_processes.TryGetValue(status.Process, out CallerProcess? found)
                || HasEnded(found) || !found.IsStillThat(directory))
            {
                directory.Dispose();
                return false;
            }

            Add(new CallerThread(id, directory, OpenPidfd(id, found), found, nodes, opener));
            if (!found.Memory.Changes.HasNotifiers) return false;
            process = found;
            return true;
        }
    }

    /// <summary>A thread is about to exec: its process may become another program, with other memory.</summary>
    public void NoteExec(in SeccompNotif call)
    {
        lock (_lock)
        {
            if (_processes.Count == 0) return;
            if (!TryOpenThread((int)call.Pid, out FileDescriptor? directory)) return;
            using (directory)
                if (ThreadStatus.TryRead(directory, out ThreadStatus status) && _processes.TryGetValue(status.Process, out CallerProcess? process))
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
                if (!TryOpenThread(pid, out FileDescriptor? directory)) return (0, 0);
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

    // The slow way: first call of a thread, first call after an exec, or a descriptor that is not open.
    private bool TryRenew(in SeccompNotif call, int descriptor, [NotNullWhen(true)] out CallerThread? thread)
    {
        int id = (int)call.Pid;
        lock (_lock)
        {
            if (_threads.TryGetValue(id, out thread))
            {
                bool sameProgram = thread.Process.IsStillThat(thread.Directory);
                if (sameProgram && thread.IsAlive) return true;
                if (!sameProgram && thread.IsAlive) Remove(thread.Process);
                else if (_threads.TryRemove(id, out _)) thread.Dispose();
            }

            thread = null;
            if (!TryOpenThread(id, out FileDescriptor? directory)) return false;
            if (!IsOurs(directory, descriptor) || !ThreadStatus.TryRead(directory, out ThreadStatus status)
                || !TryGetProcess(call, directory, status.Process, out CallerProcess? process))
            {
                directory.Dispose();
                return false;
            }

            thread = new CallerThread(id, directory, OpenPidfd(id, process), process, nodes, opener);
            // Only now is it sure that the ID meant what it was taken for.
            if (!thread.IsAlive || !listener.IsValid(call.Id))
            {
                thread.Dispose();
                thread = null;
                return false;
            }

            Add(thread);
            return true;
        }
    }

    private void Add(CallerThread thread)
    {
        if (_threads.Count >= _sweepAt) Sweep();
        if (_threads.TryRemove(thread.Id, out CallerThread? former)) former.Dispose();
        _threads[thread.Id] = thread;
    }

    private bool TryGetProcess(in SeccompNotif call, FileDescriptor directory, int pid, [NotNullWhen(true)] out CallerProcess? process)
    {
        if (_processes.TryGetValue(pid, out process))
        {
            if (!HasEnded(process) && process.IsStillThat(directory)) return true;
            Remove(process);
        }

        process = null;
        ProgramImage image = ProgramImage.Read(directory);
        if (ProcessMemory.TryOpen(directory, "../", nodes.IsCarrier, out ProcessMemory? memory) != Errno.None) return false;
        if (SysProcesses.OpenPidfd(pid, 0, out FileDescriptor pidfd) != Errno.None)
        {
            memory!.Dispose();
            return false;
        }

        var found = new CallerProcess(pid, pidfd, memory!, image);
        // Only now is it sure that the IDs meant what they were taken for.
        if (!listener.IsValid(call.Id))
        {
            found.Dispose();
            return false;
        }

        _processes.Add(pid, found);
        watchProcess(pidfd, pid);
        process = found;
        return true;
    }

    private bool IsOurs(FileDescriptor directory, int descriptor) =>
        CallerThread.TryStat(directory, descriptor, out LinuxStat stat) && nodes.IsCarrier(stat.Dev, stat.Ino);

    // A thread that is not the first has a pidfd of its own since Linux 6.9.
    private static FileDescriptor? OpenPidfd(int id, CallerProcess process)
    {
        uint flags = id == process.Pid ? 0 : SysProcesses.PIDFD_THREAD;
        return SysProcesses.OpenPidfd(id, flags, out FileDescriptor pidfd) == Errno.None ? pidfd : null;
    }

    private void Remove(CallerProcess process)
    {
        _processes.Remove(process.Pid);
        foreach ((int id, CallerThread thread) in _threads)
            if (thread.Process == process && _threads.TryRemove(id, out _)) thread.Dispose();
        process.Dispose();
    }

    private void Sweep()
    {
        foreach ((int id, CallerThread thread) in _threads)
            if (!thread.IsAlive && _threads.TryRemove(id, out _)) thread.Dispose();
        _sweepAt = FirstSweep + 2 * _threads.Count;
    }

    private static bool HasEnded(CallerProcess process) =>
        SysEvents.Poll(process.Pidfd, SysEvents.POLLIN, 0, out short ready) != Errno.None || ready != 0;

    private static bool TryOpenThread(int id, [NotNullWhen(true)] out FileDescriptor? directory)
    {
        const int Flags = FcntlH.O_RDONLY | FcntlH.O_DIRECTORY;
        return SysFiles.Open($"/proc/{id}/fd", Flags, out directory) == Errno.None;
    }
}
