using System.Runtime.InteropServices;
using Ioasis.Abi;

namespace Ioasis.TinyIommu;

/// <summary>
/// A first stage: a table of contexts of 16 bytes in guest-physical memory. Context 0 is for requests without PASID,
/// context n for PASID n. Word 0 has bit 0 valid and the address of a table, a multiple of 4 KiB; word 1 is the number
/// of the table's entries. Each of these is a word for a page of 64 KiB: bit 0 valid, bit 1 writable, and the address.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct TinyTable : IHwptData
{
    public const uint Type = 0x71000001;

    static uint IHwptData.DataType => Type;

    /// <summary>Where the contexts are.</summary>
    public ulong Contexts;

    /// <summary>How many there are.</summary>
    public ulong Count;
}

/// <summary>Invalidates all that is kept of addresses.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct TinyInvalidation : IHwptInvalidation
{
    public const uint Type = 0x71000002;

    static uint IHwptInvalidation.DataType => Type;

    public ulong First;
    public ulong Last;
}

/// <summary>What the unit tells of itself.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct TinyInfo : IHwInfoData
{
    public const uint Type = 0x71000003;

    static uint IHwInfoData.DataType => Type;

    public uint PageShift;
    public uint PasidBits;
}

/// <summary>What the unit tells of a device behind it.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct TinyDeviceInfo : IHwInfoData
{
    public const uint Type = 0x71000004;

    static uint IHwInfoData.DataType => Type;

    /// <summary>1 if its DMA is always coherent.</summary>
    public uint Coherent;
}

/// <summary>The unit's fault codes: more than a byte has room for.</summary>
public static class TinyFault
{
    public const ushort NoContext = 0x101, BeyondTable = 0x102, NotPresent = 0x103, NotWritable = 0x104,
        SecondStage = 0x105, NoMemory = 0x106, Blocked = 0x107;
}
