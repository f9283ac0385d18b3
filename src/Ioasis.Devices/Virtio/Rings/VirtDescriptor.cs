using System.Runtime.InteropServices;

namespace Ioasis.Devices.Virtio;

/// <summary>A descriptor of a split ring (virtio 1.3, 2.7.5).</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct SplitDescriptor
{
    internal const int Size = 16;

    internal readonly ulong Address;
    internal readonly uint Length;
    internal readonly DescriptorFlags Flags;
    internal readonly ushort Next;
}

/// <summary>A descriptor of a packed ring (virtio 1.3, 2.8.5).</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct PackedDescriptor
{
    internal const int Size = 16, FlagsOffset = 14;

    /// <summary>Where the device marks a chain as used: its length, its ID and the flags, in 8 bytes.</summary>
    internal const int UsedOffset = 8;

    internal readonly ulong Address;
    internal readonly uint Length;
    internal readonly ushort Id;
    internal readonly DescriptorFlags Flags;
}

/// <summary>Flags of a descriptor.</summary>
[Flags]
internal enum DescriptorFlags : ushort
{
    /// <summary>Read by the device, and the last of its chain.</summary>
    None = 0,

    /// <summary>The chain goes on.</summary>
    Next = 1,

    /// <summary>Written by the device.</summary>
    Write = 2,

    /// <summary>The memory has a table of descriptors.</summary>
    Indirect = 4,

    /// <summary>Packed: equals the driver's wrap counter when the descriptor was made available.</summary>
    Available = 1 << 7,

    /// <summary>Packed: equals the driver's wrap counter when the descriptor was used.</summary>
    Used = 1 << 15,
}
