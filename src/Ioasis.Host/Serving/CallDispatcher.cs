using Ioasis.Abi;
using Ioasis.Host.Callers;
using Ioasis.Host.Devices;
using Ioasis.Host.Filter;
using Ioasis.Host.Paths;
using Ioasis.Host.Stacks;
using Ioasis.Linux.Seccomp;

namespace Ioasis.Host.Serving;

/// <summary>Brings each stopped call to what serves it.</summary>
internal sealed class CallDispatcher(
    SeccompListener listener, OpenFiles files, CallerTable callers, DeviceCalls devices,
    KvmCalls kvm, AttributeCalls attributes, PathCalls paths,
    UnmapCalls? unmaps, CallAccount? account = null, CallStacks? stacks = null)
{
    /// <summary>Serves a call. An exception is a fault of ours: it is told, and the call fails with EIO.</summary>
    public Answer Serve(in SeccompNotif call, ServerThread server)
    {
        if (stacks is null) return ServeContained(call, server);
        stacks.Begin();
        return stacks.End(call, ServeContained(call, server));
    }

    private Answer ServeContained(in SeccompNotif call, ServerThread server)
    {
        try
        {
            account?.NoteStopped();
            // A close(2) of the caller that came before must have taken effect, and what it wrote to a queue.
            files.Look();
            if (!files.Closer.IsIdle) files.Closer.Await(callers.ProgramOf(call));
            return call.Pid == 0 ? Answer.Continue : ServeKnown(call, server);
        }
        catch (OutOfMemoryException)
        {
            return Errno.ENOMEM;
        }
        catch (Exception e)
        {
            // A caller that was killed takes its files away under us, which is no fault.
            if (e is not ObjectDisposedException || listener.IsValid(call.Id))
                ErrorOutput.Say($"serving system call {call.Data.Nr}", e);
            return Errno.EIO;
        }
    }

    private Answer ServeKnown(in SeccompNotif call, ServerThread server)
    {
        switch (TrappedCalls.KindOf(call.Data))
        {
            case CallKind.KvmIoctl: return kvm.SetAttribute(call);
            case CallKind.Ioctl:
                Answer done = devices.Ioctl(call);
                return done.IsContinue ? paths.Refuse(call, (int)call.Data.Args[0], Errno.None) : done;
            case CallKind.Pread: return devices.Pread(call);
            case CallKind.Pwrite:
                Answer stored = attributes.Write(call);
                return stored.IsContinue ? devices.Pwrite(call) : stored;
            case CallKind.Write:
                Answer written = attributes.Write(call);
                return written.IsContinue ? devices.Write(call) : written;
            case CallKind.Writev: return attributes.Writev(call);
            case CallKind.Preadv: return devices.Preadv(call);
            case CallKind.Pwritev: return devices.Pwritev(call);
            case CallKind.Preadv2: return devices.Preadv(call);
            case CallKind.Pwritev2: return devices.Pwritev(call);
            case CallKind.Mmap:
                Answer mapped = devices.Mmap(call);
                if (mapped.IsContinue) mapped = paths.Refuse(call, (int)call.Data.Args[4], Errno.ENODEV);
                return mapped.IsContinue && unmaps is not null
                    && UnmapCalls.Replaces(call) ? unmaps.Serve(call) : mapped;
            case CallKind.Fallocate: return devices.Refuse(call, Errno.ENODEV, 0);
            case CallKind.Splice: return devices.Refuse(call, Errno.EINVAL, 0, 2);
            case CallKind.Unmap: return unmaps?.Serve(call) ?? Answer.Continue;
            case CallKind.Exec:
                callers.NoteExec(call);
                return Answer.Continue;
            case CallKind.None: return Answer.Continue;
            default: return paths.Serve(call, server);
        }
    }
}
