using System.Runtime.InteropServices;

namespace Ioasis.Devices.Ioat;

/// <summary>A descriptor, 64 bytes (Linux: struct ioat_dma_descriptor). The rest of it belongs to the driver.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
internal readonly struct IoatDescriptor
{
    internal const int Size = 64;

    internal readonly uint Length;
    internal readonly uint Control;

    /// <summary>Source address; for a fill, the pattern of 8 bytes.</summary>
    internal readonly ulong Source;

    internal readonly ulong Destination;
    internal readonly ulong Next;

    internal IoatOpcode Opcode => (IoatOpcode)(Control >> 24);

    internal bool Has(IoatControl bit) => (Control & (uint)bit) != 0;
}

/// <summary>Supported operations.</summary>
internal enum IoatOpcode : byte
{
    Copy = 0x00,
    Fill = 0x01,
}

/// <summary>The bits of a descriptor's control word that have an effect.</summary>
[Flags]
internal enum IoatControl : uint
{
    None = 0,
    Interrupt = 1 << 0,
    CompletionWrite = 1 << 3,
    Null = 1 << 5,
}
