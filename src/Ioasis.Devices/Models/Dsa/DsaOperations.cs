using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Ioasis.Devices.Dsa;

/// <summary>
/// The operations on memory, done in pieces. Each returns its completion record. Work before a fault stays done, and
/// the record has its length. An instance belongs to one engine, because it owns the buffers.
/// </summary>
/// <param name="access">The engine's access to memory.</param>
internal sealed class DsaOperations(DsaAccess access)
{
    private const int Piece = 64 * 1024;
    private readonly byte[] _first = new byte[Piece];
    private readonly byte[] _second = new byte[Piece];

    internal DsaCompletionRecord Run(DsaWork work)
    {
        ref readonly DsaDescriptor d = ref work.Descriptor;
        return d.Opcode switch
        {
            DsaOpcode.Memmove when unchecked(d.DstAddr - d.SrcAddr) is > 0 and var ahead && ahead < d.XferSize =>
                MoveDown(work, in d),
            DsaOpcode.Memmove => Copy(work, in d, [d.DstAddr]),
            DsaOpcode.Dualcast => Copy(work, in d, [d.DstAddr, d.Dest2]),
            DsaOpcode.Memfill => Fill(work, in d),
            DsaOpcode.Compare => Compare(work, in d, null),
            DsaOpcode.Compval => Compare(work, in d, d.CompPattern),
            DsaOpcode.Crcgen => Checksum(work, in d),
            _ => DsaCompletionRecord.Of(DsaStatus.Success),
        };
    }

    private static bool Blocks(in DsaDescriptor descriptor) => descriptor.Has(DsaFlags.BlockOnFault);

    private static int Next(in DsaDescriptor descriptor, uint done) => (int)Math.Min(Piece, descriptor.XferSize - done);

    private static DsaCompletionRecord Faulted(uint done, in DsaProgress fault) => new()
    {
        Status = (byte)((byte)fault.Status | (fault.IsWrite && fault.Status is DsaStatus.PageFaultNobof
                or DsaStatus.PageFaultIr ? DsaCompletionRecord.StatusWrite : 0)),
        BytesCompleted = done,
        FaultAddr = fault.Address,
    };

    private DsaCompletionRecord Copy(DsaWork work, in DsaDescriptor d, ReadOnlySpan<ulong> targets)
    {
        for (uint done = 0; done < d.XferSize && !work.IsAborted;)
        {
            DsaProgress read = access.Read(work, unchecked(d.SrcAddr + done), _first.AsSpan(0, Next(in d, done)),
                Blocks(in d));
            int common = read.Done;
            DsaProgress fault = read;
            foreach (ulong target in targets)
            {
                DsaProgress written = access.Write(work, unchecked(target + done), _first.AsSpan(0, read.Done),
                    Blocks(in d));
                if (written.IsComplete || written.Done >= common) continue;
                common = written.Done;
                fault = written;
            }

            done += (uint)common;
            if (!fault.IsComplete) return Faulted(done, in fault);
        }

        return DsaCompletionRecord.Of(DsaStatus.Success);
    }

    /// <summary>
    /// Moves from the last byte to the first, because the target overlaps the source from above. The record's result
    /// says so.
    /// </summary>
    private DsaCompletionRecord MoveDown(DsaWork work, in DsaDescriptor d)
    {
        for (uint done = 0; done < d.XferSize && !work.IsAborted;)
        {
            // A piece does not cross a page boundary of either side. So a fault stops before the whole piece, and no
            // byte above it is skipped.
            ulong left = d.XferSize - done, source = unchecked(d.SrcAddr + left - 1),
                target = unchecked(d.DstAddr + left - 1);
            int count = (int)Math.Min(
                left, Math.Min(source % DsaRegisters.PageSize, target % DsaRegisters.PageSize) + 1);
            Span<byte> piece = _first.AsSpan(0, count);
            DsaProgress step = access.Read(work, unchecked(source - (uint)count + 1), piece, Blocks(in d));
            if (step.IsComplete) step = access.Write(work, unchecked(target - (uint)count + 1), piece, Blocks(in d));
            if (!step.IsComplete) return Faulted(done, in step) with { Result = 1 };
            done += (uint)count;
        }

        return DsaCompletionRecord.Of(DsaStatus.Success) with { Result = 1 };
    }

    private DsaCompletionRecord Fill(DsaWork work, in DsaDescriptor d)
    {
        FillWith(_first, d.Pattern);
        for (uint done = 0; done < d.XferSize && !work.IsAborted;)
        {
            // A fault may stop within the pattern. The fill then ends, so every piece starts at the start of the
            // pattern.
            DsaProgress written = access.Write(work, unchecked(d.DstAddr + done), _first.AsSpan(0, Next(in d, done)),
                Blocks(in d));
            done += (uint)written.Done;
            if (!written.IsComplete) return Faulted(done, in written);
        }

        return DsaCompletionRecord.Of(DsaStatus.Success);
    }

    /// <summary>Compares with a second source, or with a pattern.</summary>
    private DsaCompletionRecord Compare(DsaWork work, in DsaDescriptor d, ulong? pattern)
    {
        if (pattern is { } value) FillWith(_second, value);
        for (uint done = 0; done < d.XferSize && !work.IsAborted;)
        {
            DsaProgress fault = access.Read(work, unchecked(d.SrcAddr + done), _first.AsSpan(0, Next(in d, done)),
                Blocks(in d));
            int common = fault.Done;
            if (pattern is null)
            {
                DsaProgress other = access.Read(work, unchecked(d.Src2Addr + done), _second.AsSpan(0, common),
                    Blocks(in d));
                if (!other.IsComplete && other.Done < common) (common, fault) = (other.Done, other);
            }

            int equal = _first.AsSpan(0, common).CommonPrefixLength(_second.AsSpan(0, common));
            done += (uint)equal;
            if (equal < common) return Judged(in d, 1) with { BytesCompleted = done };
            if (!fault.IsComplete) return Faulted(done, in fault);
        }

        return Judged(in d, 0);
    }

    /// <summary>
    /// The record of a comparison. With the flag CheckResult, its status depends on the expected result.
    /// </summary>
    private static DsaCompletionRecord Judged(in DsaDescriptor d, byte result) =>
        DsaCompletionRecord.Of(d.Has(DsaFlags.CheckResult) && (d.ExpectedRes & 1) != result
            ? DsaStatus.SuccessPred
            : DsaStatus.Success) with
        {
            Result = result
        };

    /// <summary>CRC-32C. The seed is an earlier checksum to continue, or 0.</summary>
    private DsaCompletionRecord Checksum(DsaWork work, in DsaDescriptor d)
    {
        uint seed = d.CrcSeed;
        if (d.Has(DsaFlags.ReadCrcSeed))
        {
            Span<byte> bytes = stackalloc byte[sizeof(uint)];
            DsaProgress read = access.Read(work, d.SeedAddr, bytes, Blocks(in d));
            if (!read.IsComplete) return Faulted(0, in read);
            seed = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        }

        uint sum = ~seed;
        for (uint done = 0; done < d.XferSize && !work.IsAborted;)
        {
            DsaProgress read = access.Read(work, unchecked(d.SrcAddr + done), _first.AsSpan(0, Next(in d, done)),
                Blocks(in d));
            sum = Add(sum, _first.AsSpan(0, read.Done));
            done += (uint)read.Done;
            if (!read.IsComplete) return Faulted(done, in read) with { CrcVal = ~sum };
        }

        return DsaCompletionRecord.Of(DsaStatus.Success) with { CrcVal = ~sum };
    }

    private static uint Add(uint sum, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length >= sizeof(ulong))
        {
            sum = BitOperations.Crc32C(sum, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (byte value in bytes) sum = BitOperations.Crc32C(sum, value);
        return sum;
    }

    private static void FillWith(Span<byte> bytes, ulong pattern)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        words.Fill(BitConverter.IsLittleEndian ? pattern : BinaryPrimitives.ReverseEndianness(pattern));
    }
}
