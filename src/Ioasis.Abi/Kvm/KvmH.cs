using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>
/// What of linux/kvm.h (Linux 7.2) concerns VFIO: KVM's pseudo-device that is told of VFIO files. Names are Linux's
/// own.
/// </summary>
public static class KvmH
{
    /// <summary>Type of KVM's ioctls.</summary>
    public const uint KVMIO = 0xAE;

    /// <summary>ioctl of a device of KVM: set an attribute. Argument: <see cref="KvmDeviceAttr"/>.</summary>
    public const uint KVM_SET_DEVICE_ATTR = (Ioc.DirWrite << Ioc.DirShift) | (24 << Ioc.SizeShift)
        | (KVMIO << Ioc.TypeShift) | 0xe1;

    /// <summary>Attributes of the VFIO device: the files that it knows.</summary>
    public const uint KVM_DEV_VFIO_FILE = 1;
    /// <summary>Attribute: add a file. Address of its descriptor, 32 bits.</summary>
    public const ulong KVM_DEV_VFIO_FILE_ADD = 1;
    /// <summary>Attribute: forget a file. Address of its descriptor, 32 bits.</summary>
    public const ulong KVM_DEV_VFIO_FILE_DEL = 2;

    /// <summary>Older name of <see cref="KVM_DEV_VFIO_FILE"/>, from when only files of groups were taken.</summary>
    public const uint KVM_DEV_VFIO_GROUP = KVM_DEV_VFIO_FILE;
    /// <summary>Older name of <see cref="KVM_DEV_VFIO_FILE_ADD"/>.</summary>
    public const ulong KVM_DEV_VFIO_GROUP_ADD = KVM_DEV_VFIO_FILE_ADD;
    /// <summary>Older name of <see cref="KVM_DEV_VFIO_FILE_DEL"/>.</summary>
    public const ulong KVM_DEV_VFIO_GROUP_DEL = KVM_DEV_VFIO_FILE_DEL;
}

/// <summary>struct kvm_device_attr of linux/kvm.h. An attribute of a device of KVM.</summary>
[LinuxStruct("kvm_device_attr")]
[StructLayout(LayoutKind.Sequential)]
public struct KvmDeviceAttr
{
    /// <summary>Flags; there are none, and Linux's VFIO device looks at none.</summary>
    public uint Flags;

    /// <summary>Which attributes: <see cref="KvmH.KVM_DEV_VFIO_FILE"/>.</summary>
    public uint Group;

    /// <summary>Which of the group.</summary>
    public ulong Attr;

    /// <summary>User address of the value.</summary>
    public ulong Addr;
}
