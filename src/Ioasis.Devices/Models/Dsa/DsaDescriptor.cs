using System.Runtime.InteropServices;

namespace Ioasis.Devices.Dsa;

/// <summary>The descriptor that a driver submits, 64 bytes (Linux: struct dsa_hw_desc).</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
internal struct DsaDescriptor
{
    internal const int Size = 64;

    /// <summary>PASID in the low 20 bits, 11 reserved bits, the privilege bit.</summary>
    [FieldOffset(0)] public uint Requester;

    /// <summary>Flags in the low 24 bits, then the operation.</summary>
    [FieldOffset(4)] public uint FlagsAndOpcode;

    [FieldOffset(8)] public ulong CompletionAddr;
    [FieldOffset(16)] public ulong SrcAddr;
    [FieldOffset(16)] public ulong Pattern;
    [FieldOffset(16)] public ulong DescListAddr;
    [FieldOffset(24)] public ulong DstAddr;
    [FieldOffset(24)] public ulong Src2Addr;
    [FieldOffset(24)] public ulong CompPattern;
    [FieldOffset(32)] public uint XferSize;
    [FieldOffset(32)] public uint DescCount;
    [FieldOffset(36)] public ushort IntHandle;
    [FieldOffset(38)] public ushort Rsvd1;
    [FieldOffset(40)] public byte ExpectedRes;
    [FieldOffset(40)] public ulong Dest2;
    [FieldOffset(40)] public uint CrcSeed;
    [FieldOffset(44)] public uint CrcRsvd;
    [FieldOffset(48)] public ulong SeedAddr;
    [FieldOffset(56)] public ulong Last;

    internal readonly uint Pasid => Requester & 0xfffff;

    internal readonly bool Privileged => Requester >> 31 != 0;

    internal readonly DsaFlags Flags => (DsaFlags)(FlagsAndOpcode & 0xffffff);

    internal readonly DsaOpcode Opcode => (DsaOpcode)(FlagsAndOpcode >> 24);

    internal readonly bool Has(DsaFlags flag) => (Flags & flag) != 0;
}
