using System.Runtime.InteropServices;

namespace Ioasis.Devices.Dsa;

/// <summary>
/// The record that the device writes when a descriptor ends, 32 bytes (Linux: struct dsa_completion_record).
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
internal struct DsaCompletionRecord
{
    internal const int Size = 32;

    /// <summary>Status bit of a page fault: the access was a write.</summary>
    internal const byte StatusWrite = 0x80;

    [FieldOffset(0)] public byte Status;
    [FieldOffset(1)] public byte Result;
    [FieldOffset(2)] public byte FaultInfo;
    [FieldOffset(3)] public byte Rsvd;
    [FieldOffset(4)] public uint BytesCompleted;
    [FieldOffset(8)] public ulong FaultAddr;
    [FieldOffset(16)] public uint InvalidFlags;
    [FieldOffset(16)] public ulong CrcVal;
    [FieldOffset(24)] public ulong Last;

    internal readonly bool IsSuccess => Status == (byte)DsaStatus.Success;

    internal static DsaCompletionRecord Of(DsaStatus status) => new() { Status = (byte)status };
}
