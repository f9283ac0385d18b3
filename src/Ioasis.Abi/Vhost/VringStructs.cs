using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>struct vhost_vring_state of linux/vhost_types.h. A ring, or a group, and a number.</summary>
[LinuxStruct("vhost_vring_state")]
[StructLayout(LayoutKind.Sequential)]
public struct VhostVringState
{
    /// <summary>Which ring, or which group.</summary>
    public uint Index;

    /// <summary>The number.</summary>
    public uint Num;
}

/// <summary>struct vhost_vring_file of linux/vhost_types.h. A ring and an eventfd.</summary>
[LinuxStruct("vhost_vring_file")]
[StructLayout(LayoutKind.Sequential)]
public struct VhostVringFile
{
    /// <summary>Which ring.</summary>
    public uint Index;

    /// <summary>The descriptor; <see cref="VhostH.VHOST_FILE_UNBIND"/> for none.</summary>
    public int Fd;
}

/// <summary>struct vhost_vring_addr of linux/vhost_types.h. Where a ring is.</summary>
[LinuxStruct("vhost_vring_addr")]
[StructLayout(LayoutKind.Sequential)]
public struct VhostVringAddr
{
    /// <summary>Which ring.</summary>
    public uint Index;

    /// <summary>Bit <see cref="VhostH.VHOST_VRING_F_LOG"/>, or 0.</summary>
    public uint Flags;

    /// <summary>The descriptors. vhost-vdpa: an IOVA.</summary>
    public ulong DescUserAddr;

    /// <summary>The used ring, or the device's event suppression. vhost-vdpa: an IOVA.</summary>
    public ulong UsedUserAddr;

    /// <summary>The available ring, or the driver's event suppression. vhost-vdpa: an IOVA.</summary>
    public ulong AvailUserAddr;

    /// <summary>Where writes to the used ring are logged.</summary>
    public ulong LogGuestAddr;
}

/// <summary>struct vhost_memory of linux/vhost_types.h. The array regions follows; it is not a field here.</summary>
[LinuxStruct("vhost_memory")]
[StructLayout(LayoutKind.Sequential)]
public struct VhostMemory
{
    /// <summary>Number of <see cref="VhostMemoryRegion"/> that follow.</summary>
    public uint Nregions;

    /// <summary>Must be 0.</summary>
    public uint Padding;
}

/// <summary>struct vhost_memory_region of linux/vhost_types.h. Guest memory.</summary>
[LinuxStruct("vhost_memory_region")]
[StructLayout(LayoutKind.Sequential)]
public struct VhostMemoryRegion
{
    /// <summary>Guest-physical address.</summary>
    public ulong GuestPhysAddr;

    /// <summary>Bytes.</summary>
    public ulong MemorySize;

    /// <summary>Address in the owner's memory.</summary>
    public ulong UserspaceAddr;

    /// <summary>No flag is defined.</summary>
    public ulong FlagsPadding;
}
