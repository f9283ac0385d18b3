using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Diagnostics.Record;
using Ioasis.Iommufd.Files;
using Ioasis.Linux;
using Ioasis.Linux.Memory;
using Ioasis.Linux.Processes;
using Ioasis.Memory;

namespace Ioasis.Host.Recording;

/// <summary>
/// A system call of a traced program on a node, from its entry to its exit. A call with several buffers is as many
/// reads or writes, as Linux makes it for files of devices.
/// </summary>
internal sealed class TracedCalls
{
    private const ulong MaxVectors = 1024, PageSize = 4096;

    private readonly TracedCaller _caller;
    private readonly List<(PassedCall Call, ulong Count)> _parts = [];

    private TracedCalls(TracedCaller caller) => _caller = caller;

    /// <summary>Reads what a call names, before it is served; null if it is none that is recorded.</summary>
    /// <param name="file">The node.</param>
    /// <param name="caller">The caller, which has stopped.</param>
    /// <param name="origin">Who calls, by which descriptor.</param>
    /// <param name="number">The number of the system call.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="withMemory">Whether the pages that calls map are kept.</param>
    public static TracedCalls? Begin(SystemFile file, TracedCaller caller, CallOrigin origin, int number,
        in SyscallArguments arguments, bool withMemory)
    {
        var calls = new TracedCalls(caller);
        (ulong second, ulong third, ulong fourth) = (arguments[1], arguments[2], arguments[3]);
        switch (number)
        {
            case SyscallNumbers.Ioctl:
                calls._parts.Add((PassedCall.Ioctl(file, caller, origin, (uint)second, third, withMemory), 0));
                break;
            case SyscallNumbers.Pread64:
                Add(fourth, second, third, isWrite: false);
                break;
            case SyscallNumbers.Pwrite64:
                Add(fourth, second, third, isWrite: true);
                break;
            case SyscallNumbers.Write when file.HasMessages:
                Add(null, second, third, isWrite: true);
                break;
            case SyscallNumbers.Mmap:
                ulong length = (second + (PageSize - 1)) & ~(PageSize - 1);
                string protection = Letter('r', third, SysMemory.PROT_READ) + Letter('w', third, SysMemory.PROT_WRITE)
                    + Letter('x', third, SysMemory.PROT_EXEC) + Letter('s', fourth, SysMemory.MAP_SHARED);
                calls._parts.Add((PassedCall.Map(file, caller, origin, arguments[5], length, protection), 0));
                break;
            case SyscallNumbers.Preadv or SyscallNumbers.Preadv2:
                AddVectors(isWrite: false);
                break;
            case SyscallNumbers.Pwritev or SyscallNumbers.Pwritev2:
                AddVectors(isWrite: true);
                break;
        }

        return calls._parts.Count == 0 ? null : calls;

        void Add(ulong? offset, ulong buffer, ulong count, bool isWrite) => calls._parts.Add((isWrite
            ? PassedCall.Write(file, caller, origin, file.HasMessages ? null : offset, buffer, count, withMemory)
            : PassedCall.Read(file, caller, origin, offset!.Value, buffer, count), count));

        void AddVectors(bool isWrite)
        {
            if (third > MaxVectors) return;
            var vectors = new IoVector[third];
            if (!caller.Memory.TryRead(new Hva(second), MemoryMarshal.AsBytes(vectors.AsSpan()))) return;
            ulong at = fourth;
            foreach (IoVector vector in vectors.Where(v => v.Length != 0))
            {
                Add(at, vector.Base, vector.Length, isWrite);
                at += vector.Length;
            }
        }
    }

    /// <summary>The kernel has served the call: what it left is read and recorded.</summary>
    public void End(SysResult result, SystemRecorder recorder)
    {
        _caller.IsServed = true;
        if (_parts.Count == 1 || !result.IsOk)
        {
            recorder.Called(_parts[0].Call.End(result));
            return;
        }

        ulong left = (ulong)result.Value;
        foreach ((PassedCall call, ulong count) in _parts)
        {
            ulong moved = Math.Min(left, count);
            recorder.Called(call.End(SysResult.Ok((long)moved)));
            left -= moved;
            if (moved < count || left == 0) return;
        }
    }

    private static string Letter(char letter, ulong flags, ulong flag) => (flags & flag) != 0 ? $"{letter}" : "";
}
