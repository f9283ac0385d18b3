using System.Numerics;
using System.Runtime.InteropServices;
using Ioasis.Memory;

namespace Ioasis.Examples.Dsa;

/// <summary>
/// What a queue is to do, in the 64 bytes of the device (Linux: struct dsa_hw_desc). Addresses are those of the queue's
/// address space: I/O addresses of the DMA API, or a process's pointers.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct DsaDescriptor
{
    internal const int Size = 64;
    private const int OpcodeShift = 24;

    [FieldOffset(0)] private uint _requester; // PASID of a shared queue's descriptor
    [FieldOffset(4)] private uint _operation;
    [FieldOffset(8)] private ulong _record;
    [FieldOffset(16)] private ulong _first; // source, list or pattern
    [FieldOffset(24)] private ulong _second; // target, or second source
    [FieldOffset(32)] private uint _length; // bytes; descriptors of a batch
    [FieldOffset(36)] private ushort _interrupt;
    [FieldOffset(40)] private uint _seed;

    /// <summary>The operation.</summary>
    public readonly DsaOpcode Opcode => (DsaOpcode)(_operation >> OpcodeShift);

    /// <summary>Copies bytes; source and target may overlap.</summary>
    public static DsaDescriptor Move(Iova source, Iova target, int length) =>
        Of(DsaOpcode.Move, source.Value, target.Value, length);

    /// <summary>Fills bytes with a pattern of 8, the lowest first.</summary>
    public static DsaDescriptor Fill(ulong pattern, Iova target, int length) =>
        Of(DsaOpcode.Fill, pattern, target.Value, length);

    /// <summary>Compares bytes. The result is 0 if they are the same, else 1 with the number of equal bytes.</summary>
    public static DsaDescriptor Compare(Iova first, Iova second, int length) =>
        Of(DsaOpcode.Compare, first.Value, second.Value, length);

    /// <summary>Computes a CRC-32C.</summary>
    /// <param name="source">The bytes.</param>
    /// <param name="length">Their number.</param>
    /// <param name="seed">The sum of the bytes before them, 0 for none.</param>
    public static DsaDescriptor Crc(Iova source, int length, uint seed = 0)
    {
        DsaDescriptor descriptor = Of(DsaOpcode.Crc, source.Value, 0, length);
        descriptor._seed = seed;
        return descriptor;
    }

    internal static DsaDescriptor Batch(Iova list, int count) => Of(DsaOpcode.Batch, list.Value, 0, count);

    /// <summary>The same with the place of its record, and the handle of its interrupt if it has one.</summary>
    internal readonly DsaDescriptor With(Iova record, ushort? interrupt, DsaFlags flags = 0)
    {
        DsaDescriptor descriptor = this;
        flags |= DsaFlags.RecordIsValid | DsaFlags.WantsRecord | (interrupt is null ? 0 : DsaFlags.WantsInterrupt);
        descriptor._operation |= (uint)flags;
        (descriptor._record, descriptor._interrupt) = (record.Value, interrupt ?? 0);
        return descriptor;
    }

    /// <summary>What is left to do after a fault.</summary>
    internal readonly DsaDescriptor After(in DsaResult fault)
    {
        uint done = fault.Bytes;
        DsaDescriptor rest = this;
        rest._length -= done;
        bool isBackwards = Opcode == DsaOpcode.Move && fault.Value != 0; // the last bytes were done first
        if (isBackwards) return rest;
        if (Opcode == DsaOpcode.Fill) rest._first = BitOperations.RotateRight(_first, (int)(done % 8) * 8);
        else rest._first += done;
        if (Opcode != DsaOpcode.Crc) rest._second += done;
        rest._seed = fault.Crc;
        return rest;
    }

    private static DsaDescriptor Of(DsaOpcode opcode, ulong first, ulong second, int length) => new()
    {
        _operation = (uint)opcode << OpcodeShift,
        _first = first,
        _second = second,
        _length = checked((uint)length),
    };
}

/// <summary>The end of a descriptor (Linux: struct dsa_completion_record).</summary>
/// <param name="Status">How it ended.</param>
/// <param name="Value">The result of a comparison, or 1 for a move that began with the last byte.</param>
/// <param name="Bytes">Bytes done before a fault, or before a difference; descriptors done of a batch.</param>
/// <param name="FaultAddress">The address that is not accessible.</param>
/// <param name="FaultIsWrite">Whether it was to be written.</param>
/// <param name="Crc">The sum.</param>
public readonly record struct DsaResult(
    DsaStatus Status, byte Value = 0, uint Bytes = 0, ulong FaultAddress = 0, bool FaultIsWrite = false, uint Crc = 0)
{
    internal const int RecordSize = 32;
    private const byte WriteBit = 0x80;

    /// <summary>Reads a record; the status is None as long as the device has not written it.</summary>
    internal static DsaResult Read(SharedBytes memory, ulong at)
    {
        ulong first = memory.Read<ulong>(at); // written last
        byte status = (byte)first;
        if (status == 0) return default;
        return new DsaResult((DsaStatus)(status & ~WriteBit), (byte)(first >> 8), (uint)(first >> 32),
            memory.Read<ulong>(at + 8), (status & WriteBit) != 0, memory.Read<uint>(at + 16));
    }
}
