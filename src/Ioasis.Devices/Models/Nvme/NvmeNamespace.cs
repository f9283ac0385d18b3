using System.Buffers.Binary;
using Ioasis.Devices.Blocks;
using Ioasis.Memory;

namespace Ioasis.Devices.Nvme;

/// <summary>The one namespace: its blocks, and the commands of the NVM command set. Thread-safe.</summary>
/// <param name="store">The storage of the blocks.</param>
internal sealed class NvmeNamespace(BlockStore store)
{
    internal const uint Id = 1;
    internal const int BlockShift = 9;
    internal const int BlockSize = 1 << BlockShift;
    private const int RangeSize = 16;
    private const uint DeallocateAttribute = 4;
    private const int MostForeseen = 4096; // of a longer copy, the processor foresees the rest by itself
    private volatile bool _writesThrough;

    internal ulong Blocks { get; } = (ulong)store.Size >> BlockShift;

    /// <summary>Whether written data is on the medium when its command ends: the volatile write cache is off.</summary>
    internal bool WritesThrough
    {
        get => _writesThrough;
        set => _writesThrough = value;
    }

    internal NvmeStatus Execute(in NvmeCommand command, NvmeData data, int pageShift, CancellationToken abort)
    {
        var opcode = (NvmeOpcode)command.Opcode;
        if (opcode is not (NvmeOpcode.Flush or NvmeOpcode.Write or NvmeOpcode.Read or NvmeOpcode.WriteZeroes
            or NvmeOpcode.Dsm)) return NvmeStatus.InvalidOpcode;
        if (command.Nsid != Id && !(opcode is NvmeOpcode.Flush && command.Nsid == NvmeCommand.AllNamespaces))
            return NvmeStatus.InvalidNs;
        try
        {
            return opcode switch
            {
                NvmeOpcode.Flush => Flush(),
                NvmeOpcode.Write => Write(in command, data, pageShift),
                NvmeOpcode.Read => Read(in command, data, pageShift),
                NvmeOpcode.WriteZeroes => WriteZeroes(in command),
                _ => ManageDataset(in command, data, pageShift, abort),
            };
        }
        catch (IOException)
        {
            return opcode is NvmeOpcode.Read ? NvmeStatus.ReadError : NvmeStatus.WriteFault;
        }
    }

    /// <summary>
    /// Brings the blocks of a command nearer that will be executed soon: all at once, where a copy waits for them one
    /// after the other.
    /// </summary>
    internal void Foresee(in NvmeCommand command)
    {
        if ((NvmeOpcode)command.Opcode is not (NvmeOpcode.Read or NvmeOpcode.Write)
            || Check(in command, isTransfer: true, out long offset, out int count) != NvmeStatus.Success) return;
        HostMemory.Prefetch(store.Lend(offset, Math.Min(count, MostForeseen)));
    }

    /// <summary>Flushes to the medium. Ignores an error.</summary>
    internal void TryFlush()
    {
        try
        {
            store.Flush();
        }
        catch (IOException)
        {
            // a flush command reports it instead
        }
    }

    internal void Reset() => _writesThrough = false;

    private NvmeStatus Flush()
    {
        store.Flush();
        return NvmeStatus.Success;
    }

    private NvmeStatus Read(in NvmeCommand command, NvmeData data, int pageShift)
    {
        NvmeStatus status = Check(in command, isTransfer: true, out long offset, out int count);
        if (status != NvmeStatus.Success) return status;
        Span<byte> bytes = store.Lend(offset, count);
        if (bytes.IsEmpty)
        {
            bytes = data.Bytes(count);
            store.Read(offset, bytes);
        }

        data.Counts.AddRead(command.Blocks);
        return data.Write(in command, pageShift, bytes);
    }

    private NvmeStatus Write(in NvmeCommand command, NvmeData data, int pageShift)
    {
        NvmeStatus status = Check(in command, isTransfer: true, out long offset, out int count);
        if (status != NvmeStatus.Success) return status;
        Span<byte> bytes = data.Bytes(count);
        status = data.Read(in command, pageShift, bytes);
        if (status != NvmeStatus.Success) return status; // no block has changed
        store.Write(offset, bytes);
        data.Counts.AddWrite(command.Blocks);
        if (_writesThrough || command.ForceUnitAccess) store.Flush();
        return NvmeStatus.Success;
    }

    private NvmeStatus WriteZeroes(in NvmeCommand command)
    {
        NvmeStatus status = Check(in command, isTransfer: false, out long offset, out int count);
        if (status != NvmeStatus.Success) return status;
        store.Zero(offset, count);
        if (_writesThrough || command.ForceUnitAccess) store.Flush();
        return NvmeStatus.Success;
    }

    /// <summary>
    /// Dataset management. Only deallocation has an effect; all ranges are checked before any is deallocated.
    /// </summary>
    private NvmeStatus ManageDataset(in NvmeCommand command, NvmeData data, int pageShift, CancellationToken abort)
    {
        Span<byte> ranges = data.Bytes(((int)(command.Cdw10 & 0xff) + 1) * RangeSize);
        NvmeStatus status = data.Read(in command, pageShift, ranges);
        if (status != NvmeStatus.Success || (command.Cdw11 & DeallocateAttribute) == 0) return status;
        for (int at = 0; at < ranges.Length; at += RangeSize)
        {
            (ulong first, uint blocks) = Range(ranges[at..]);
            if (first > Blocks || blocks > Blocks - first) return NvmeStatus.LbaRange;
        }

        for (int at = 0; at < ranges.Length && !abort.IsCancellationRequested; at += RangeSize)
        {
            (ulong first, uint blocks) = Range(ranges[at..]);
            store.TryDeallocate((long)first << BlockShift, (long)blocks << BlockShift); // nothing is promised
        }

        return NvmeStatus.Success;

        static (ulong First, uint Blocks) Range(ReadOnlySpan<byte> range) =>
            (BinaryPrimitives.ReadUInt64LittleEndian(range[8..]), BinaryPrimitives.ReadUInt32LittleEndian(range[4..]));
    }

    private NvmeStatus Check(in NvmeCommand command, bool isTransfer, out long offset, out int count)
    {
        (offset, count) = (0, (int)command.Blocks << BlockShift);
        if (isTransfer && count > NvmeData.Longest) return NvmeStatus.InvalidField;
        if (command.FirstBlock > Blocks || command.Blocks > Blocks - command.FirstBlock) return NvmeStatus.LbaRange;
        offset = (long)command.FirstBlock << BlockShift;
        return NvmeStatus.Success;
    }
}
