using Ioasis.Abi;
using Ioasis.Core.Injection;
using Ioasis.Core.Observation;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Linux.Seccomp;
using Ioasis.Memory;

namespace Ioasis.Host.Devices;

/// <summary>Opens nodes and queues for programs: what they get is a file of ours, placed among theirs.</summary>
/// <param name="listener">The listener of the calls.</param>
/// <param name="files">The files of ours that programs have open.</param>
/// <param name="observers">The observers of the machine; null where there is none.</param>
/// <param name="injector">What decides that calls fail; null for nothing.</param>
internal sealed class NodeOpener(
    SeccompListener listener, OpenFiles files, Observers? observers = null, Injector? injector = null)
{
    /// <summary>Opens a queue and places its file in the process of a call that waits.</summary>
    /// <param name="call">The call's ID.</param>
    /// <param name="program">The process.</param>
    /// <param name="queue">The queue. No lock may be held that its calls take.</param>
    /// <returns>The descriptor in that process, or why there is none.</returns>
    public SysResult Open(ulong call, int program, QueueFile queue)
    {
        if (observers is not null) queue.TellOpen(queue.Name, observers, program);
        return files.Open(queue, program, file => listener.PlaceFile(call, file, closeOnExec: true, answers: false));
    }

    /// <summary>Places one more file of a node that is open in the process of a call that waits.</summary>
    /// <param name="call">The call's ID.</param>
    /// <param name="file">What is open. No lock of a node may be held.</param>
    /// <returns>The descriptor in that process, or why there is none: EBADF when it is closed meanwhile.</returns>
    public SysResult OpenAgain(ulong call, NodeFile file)
    {
        Errno errno = files.OpenAgain(file, out FileDescriptor? placed);
        if (errno != Errno.None) return errno;
        using (placed) return listener.PlaceFile(call, placed!, closeOnExec: true, answers: false);
    }

    /// <summary>Opens a node and places the file in the process of a call that waits.</summary>
    /// <param name="call">The call's ID.</param>
    /// <param name="program">The process.</param>
    /// <param name="node">What to open. No lock of a node may be held: those of the open files are taken.</param>
    /// <param name="flags">As open(2) has them.</param>
    /// <param name="answers">Whether the call is thereby answered, with the descriptor.</param>
    /// <returns>The descriptor in that process, or why there is none.</returns>
    public SysResult Open(ulong call, int program, INode node, int flags, bool answers)
    {
        Errno errno = InjectedOpen.Of(injector, node.Path);
        if (errno != Errno.None) return errno;
        files.Closer.AwaitExclusion(node.Exclusion);
        errno = node.Content == NodeContent.Messages
            ? TryOpenMessages(program, node, flags, out OpenFile? open, out FileDescriptor? placed)
            : TryOpenMemory(program, node, flags, out open, out placed);
        if (errno != Errno.None) return errno;

        // The program may close it at once, which is seen only when ours is closed. So it gets to know the descriptor
        // after that; where a signal could come between the two steps, in one step, and what it opens next may then be
        // busy for a moment.
        bool twoSteps = answers && listener.WaitsKillable;
        SysResult sent;
        using (placed) sent = listener.PlaceFile(call, placed!, (flags & FcntlH.O_CLOEXEC) != 0, answers && !twoSteps);
        // EMFILE or the like, or the caller was killed meanwhile.
        if (!sent.IsOk) files.Remove(open!);
        else if (twoSteps) listener.Send(new SeccompNotifResp { Id = call, Val = sent.Value });
        return sent;
    }

    private Errno TryOpenMemory(
        int program, INode node, int flags, out OpenFile? open, out FileDescriptor? placed)
    {
        (open, placed) = (null, null);
        string name = node.Path[(node.Path.LastIndexOf('/') + 1)..];
        Errno errno = node is ICarrierChoice choice
            ? choice.TryCreate(name, out Carrier? carrier)
            : Carrier.TryCreate(name, out carrier, takesMessages: node.Content == NodeContent.Both);
        if (errno != Errno.None) return errno;
        errno = node.Open(carrier!, out NodeFile? file);
        if (errno != Errno.None)
        {
            carrier!.Dispose();
            return errno;
        }

        open = new OpenFile(node.Path, carrier!, file!, flags, program, node);
        if (observers is not null) file!.TellOpen(node.Path, observers, program, injector);
        const int Passed = FcntlH.O_ACCMODE | FcntlH.O_NONBLOCK | FcntlH.O_APPEND;
        errno = carrier!.Reopen(flags & Passed, out placed);
        return errno == Errno.None ? Add(open, placed!) : Refuse(open, placed, errno);
    }

    // The kernel's file is an end of a socket pair or a pipe, which programs read, poll and write as any other.
    private Errno TryOpenMessages(
        int program, INode node, int flags, out OpenFile? open, out FileDescriptor? placed)
    {
        (open, placed) = (null, null);
        Errno errno = node.Open(NoMemory.Instance, out NodeFile? file);
        if (errno != Errno.None) return errno;
        if (file is not QueueFile queue)
        {
            file!.Close();
            throw new InvalidOperationException($"{node.Path} has messages and opens a file that is no queue.");
        }

        errno = QueueCarrier.TryCreate(queue, out QueueCarrier? carrier, out placed);
        if (errno != Errno.None)
        {
            queue.Close();
            return errno;
        }

        open = new OpenFile(node.Path, carrier!, queue, flags, program, node);
        if (observers is not null) queue.TellOpen(node.Path, observers, program, injector);
        if ((flags & FcntlH.O_NONBLOCK) == 0) errno = SysFiles.Fcntl(placed, FcntlH.F_SETFL, 0).Errno;
        errno = errno == Errno.None ? Add(open, placed) : Refuse(open, placed, errno);
        if (errno == Errno.None) carrier!.Connect();
        return errno;
    }

    private Errno Add(OpenFile open, FileDescriptor placed)
    {
        Errno errno = files.Add(open);
        return errno == Errno.None ? Errno.None : Refuse(open, placed, errno);
    }

    private static Errno Refuse(OpenFile open, FileDescriptor? placed, Errno errno)
    {
        placed?.Dispose();
        open.Release();
        return errno;
    }

    /// <summary>The carrier of a file that has no memory.</summary>
    private sealed class NoMemory : ICarrier
    {
        public static NoMemory Instance { get; } = new();

        public SharedBytes Map(ulong offset, ulong length) =>
            throw new NotSupportedException("The file has messages alone, and no memory.");

        public void Free(ulong offset, ulong length)
        {
        }

        public bool IsMapped(ulong offset, ulong length) => false;
    }
}
