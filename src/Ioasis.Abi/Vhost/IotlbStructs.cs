using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>struct vhost_iotlb_msg of linux/vhost_types.h. What a message says.</summary>
[LinuxStruct("vhost_iotlb_msg")]
[StructLayout(LayoutKind.Sequential)]
public struct VhostIotlbMsg
{
    /// <summary>First I/O virtual address.</summary>
    public ulong Iova;

    /// <summary>Bytes.</summary>
    public ulong Size;

    /// <summary>Address of the memory in the owner.</summary>
    public ulong Uaddr;

    /// <summary>VHOST_ACCESS_* bits.</summary>
    public byte Perm;

    /// <summary>VHOST_IOTLB_* kind.</summary>
    public byte Type;
}

/// <summary>struct vhost_msg of linux/vhost_types.h. A message of the first layout.</summary>
[LinuxStruct("vhost_msg")]
[StructLayout(LayoutKind.Explicit, Size = 72)]
public struct VhostMsg
{
    /// <summary><see cref="VhostH.VHOST_IOTLB_MSG"/>.</summary>
    [FieldOffset(0)]
    public int Type;

    /// <summary>What it says.</summary>
    [FieldOffset(8)]
    public VhostIotlbMsg Iotlb;

    /// <summary>Room for what other kinds of messages may say.</summary>
    [FieldOffset(8)]
    public U8x64 Padding;
}

/// <summary>struct vhost_msg_v2 of linux/vhost_types.h. A message of the second layout.</summary>
[LinuxStruct("vhost_msg_v2")]
[StructLayout(LayoutKind.Explicit, Size = 72)]
public struct VhostMsgV2
{
    /// <summary><see cref="VhostH.VHOST_IOTLB_MSG_V2"/>.</summary>
    [FieldOffset(0)]
    public uint Type;

    /// <summary>The address space, if <see cref="VhostH.VHOST_BACKEND_F_IOTLB_ASID"/> was acknowledged.</summary>
    [FieldOffset(4)]
    public uint Asid;

    /// <summary>What it says.</summary>
    [FieldOffset(8)]
    public VhostIotlbMsg Iotlb;

    /// <summary>Room for what other kinds of messages may say.</summary>
    [FieldOffset(8)]
    public U8x64 Padding;
}

/// <summary>struct vhost_vdpa_config of linux/vhost_types.h. The bytes buf follow; they are not a field here.</summary>
[LinuxStruct("vhost_vdpa_config")]
[StructLayout(LayoutKind.Sequential)]
public struct VhostVdpaConfig
{
    /// <summary>The first byte of the configuration space.</summary>
    public uint Off;

    /// <summary>Number of bytes.</summary>
    public uint Len;
}

/// <summary>struct vhost_vdpa_iova_range of linux/vhost_types.h. Addresses, both ends inclusive.</summary>
[LinuxStruct("vhost_vdpa_iova_range")]
[StructLayout(LayoutKind.Sequential)]
public struct VhostVdpaIovaRange
{
    /// <summary>The first address.</summary>
    public ulong First;

    /// <summary>The last address.</summary>
    public ulong Last;
}

/// <summary>An array of 64 bytes inside a struct.</summary>
[InlineArray(64)]
public struct U8x64
{
    private byte _first;
}
