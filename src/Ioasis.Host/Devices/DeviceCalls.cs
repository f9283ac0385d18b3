using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Host.Callers;
using Ioasis.Host.Filter;
using Ioasis.Host.Serving;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Memory;

namespace Ioasis.Host.Devices;

/// <summary>Calls on device nodes: opening one, and what is done with its open file.</summary>
internal sealed class DeviceCalls(NodeOpener opener, CallerTable callers, CallAccount? account = null)
{
    // UIO_MAXIOV: more is EINVAL.
    private const ulong MaxVectors = 1024;

    private const ulong PageSize = 4096;

    /// <summary>open(2) of a node, answered by placing a carrier.</summary>
    public Answer Open(in SeccompNotif call, INode node, int flags)
    {
        SysResult opened = opener.Open(call.Id, callers.ProgramOf(call), node, flags, answers: true);
        account?.Note(node.Path, "open", opened.Errno);
        return opened.IsOk ? Answer.Sent : opened;
    }

    /// <summary>ioctl(2).</summary>
    public Answer Ioctl(in SeccompNotif call)
    {
        if (!callers.TryIdentify(call, (int)call.Data.Args[0], out CallerThread? caller, out OpenFile? open,
            out Answer other)) return other;
        try
        {
            uint command = (uint)call.Data.Args[1];
            string? description = account is null ? null : open.File.Describe(caller, command, call.Data.Args[2]);
            SysResult result = WatchedCalls.Ioctl(
                open.File, caller, OriginOf(call, caller), command, call.Data.Args[2]);
            if (description is not null) account!.Note(open.Name, description, result.Errno);
            return result;
        }
        finally { CallerTable.Leave(caller, open); }
    }

    /// <summary>pread64(2).</summary>
    public Answer Pread(in SeccompNotif call)
    {
        if (!callers.TryIdentify(call, (int)call.Data.Args[0], out CallerThread? caller, out OpenFile? open,
            out Answer other)) return other;
        try
        {
            return Noted(open, "read", CanRead(open)
                ? WatchedCalls.Read(open.File, caller, OriginOf(call, caller), call.Data.Args[3], call.Data.Args[1],
                    call.Data.Args[2])
                : Errno.EBADF);
        }
        finally { CallerTable.Leave(caller, open); }
    }

    /// <summary>write(2): a message.</summary>
    public Answer Write(in SeccompNotif call) => Write(call, offset: null);

    /// <summary>pwrite64(2): at an offset that a region can have; else a message, wherever it is put.</summary>
    public Answer Pwrite(in SeccompNotif call) => Write(call, call.Data.Args[3]);

    private Answer Write(in SeccompNotif call, ulong? offset)
    {
        if (!callers.TryIdentify(call, (int)call.Data.Args[0], out CallerThread? caller, out OpenFile? open,
            out Answer other)) return other;
        try
        {
            bool isMessage = offset is null or < TrappedCalls.LowestRegionOffset;
            ulong buffer = call.Data.Args[1], count = call.Data.Args[2];
            // What only another file of the machine takes is the kernel's to refuse.
            if (isMessage && (count > uint.MaxValue || open.Node?.MessageSizes.Contains((uint)count) != true))
                return Answer.Continue;
            if (!CanWrite(open)) return Errno.EBADF;
            return Noted(open, "write", WatchedCalls.Write(
                open.File, caller, OriginOf(call, caller), isMessage ? null : offset, buffer, count));
        }
        finally { CallerTable.Leave(caller, open); }
    }

    /// <summary>preadv(2) and preadv2(2).</summary>
    public Answer Preadv(in SeccompNotif call) => Vectored(call, write: false);

    /// <summary>pwritev(2) and pwritev2(2).</summary>
    public Answer Pwritev(in SeccompNotif call) => Vectored(call, write: true);

    /// <summary>mmap(2): whether it may be; the kernel then maps the carrier.</summary>
    public Answer Mmap(in SeccompNotif call)
    {
        if ((call.Data.Args[3] & SysMemory.MAP_ANONYMOUS) != 0) return Answer.Continue;
        ulong length = (call.Data.Args[1] + (PageSize - 1)) & ~(PageSize - 1), offset = call.Data.Args[5];
        if (length == 0 || offset % PageSize != 0) return Answer.Continue; // the kernel refuses it
        if (!callers.TryIdentify(call, (int)call.Data.Args[4], out CallerThread? caller, out OpenFile? open,
            out Answer other)) return other;
        ulong protection = call.Data.Args[2];
        // MAP_SHARED is 1 and MAP_SHARED_VALIDATE 3, MAP_PRIVATE is 2.
        bool shared = (call.Data.Args[3] & SysMemory.MAP_SHARED) != 0;
        try
        {
            var origin = new CallOrigin(caller.Id, (int)call.Data.Args[4]);
            Errno errno = WatchedCalls.Map(open.File, origin, offset, length, shared,
                readable: (protection & SysMemory.PROT_READ) != 0, writable: (protection & SysMemory.PROT_WRITE) != 0,
                executable: (protection & SysMemory.PROT_EXEC) != 0);
            account?.Note(open.Name, "mmap", errno);
            return errno == Errno.None ? Answer.Continue : errno;
        }
        finally { CallerTable.Leave(caller, open); }
    }

    /// <summary>A call that no device's file knows; a file that is none of ours is the kernel's.</summary>
    /// <param name="call">The call.</param>
    /// <param name="errno">What Linux says of it.</param>
    /// <param name="arguments">Which of its arguments are descriptors.</param>
    public Answer Refuse(in SeccompNotif call, Errno errno, params ReadOnlySpan<int> arguments)
    {
        foreach (int argument in arguments)
        {
            if (callers.TryIdentify(call, (int)call.Data.Args[argument], out CallerThread? caller, out OpenFile? open,
                out Answer other))
            {
                bool isNode = open.Carrier.IsNode;
                CallerTable.Leave(caller, open);
                if (isNode) return errno;
            }
            else if (!other.IsContinue) return other;
        }

        return Answer.Continue;
    }

    // Linux calls a file without read_iter once for each vector and stops at the first that moves less than it could;
    // so do we.
    private Answer Vectored(in SeccompNotif call, bool write)
    {
        if (!callers.TryIdentify(call, (int)call.Data.Args[0], out CallerThread? caller, out OpenFile? open,
            out Answer other)) return other;
        try
        {
            if (!(write ? CanWrite(open) : CanRead(open))) return Errno.EBADF;
            ulong count = call.Data.Args[2], offset = call.Data.Args[3];
            if (count > MaxVectors) return Errno.EINVAL;
            var vectors = new IoVector[count];
            if (!caller.Memory.TryRead(new Hva(call.Data.Args[1]), MemoryMarshal.AsBytes(vectors.AsSpan())))
                return Errno.EFAULT;
            long moved = 0;
            foreach (IoVector vector in vectors)
            {
                if (vector.Length == 0) continue;
                CallOrigin origin = OriginOf(call, caller);
                SysResult result = write
                    ? WatchedCalls.Write(
                        open.File, caller, origin, offset + (ulong)moved, vector.Base, vector.Length)
                    : WatchedCalls.Read(
                        open.File, caller, origin, offset + (ulong)moved, vector.Base, vector.Length);
                Noted(open, write ? "write" : "read", result);
                if (!result.IsOk) return moved != 0 ? SysResult.Ok(moved) : result;
                moved += result.Value;
                if ((ulong)result.Value != vector.Length) break;
            }

            return SysResult.Ok(moved);
        }
        finally { CallerTable.Leave(caller, open); }
    }

    private static CallOrigin OriginOf(in SeccompNotif call, CallerThread caller) =>
        new(caller.Id, (int)call.Data.Args[0], caller.Process.Pid);

    private SysResult Noted(OpenFile open, string call, SysResult result)
    {
        account?.Note(open.Name, call, result.Errno);
        return result;
    }

    private static bool CanRead(OpenFile open) => (open.Flags & FcntlH.O_ACCMODE) != FcntlH.O_WRONLY;

    private static bool CanWrite(OpenFile open) => (open.Flags & FcntlH.O_ACCMODE) != FcntlH.O_RDONLY;
}
