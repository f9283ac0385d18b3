using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>
/// The part of linux/kvm.h (Linux 7.2) that concerns VFIO: KVM's pseudo-device that is told of VFIO files. Names are
/// Linux's own.
/// </summary>
public static class KvmH
{
    /// <summary>Type of KVM's ioctls.</summary>
    public const uint KVMIO = 0xAE;

    /// <summary>ioctl of a device of KVM: set an attribute. Argument: <see cref="KvmDeviceAttr"/>.</summary>
    public const uint KVM_SET_DEVICE_ATTR = (Ioc.DirWrite << Ioc.DirShift) | (24 << Ioc.SizeShift)
        | (KVMIO << Ioc.TypeShift) | 0xe1;

    /// <summary>Attribute group of the VFIO device: its files.</summary>
    public const uint KVM_DEV_VFIO_FILE = 1;
    /// <summary>Attribute: add a file. Address of its descriptor, 32 bits.</summary>
    public const ulong KVM_DEV_VFIO_FILE_ADD = 1;
    /// <summary>Attribute: remove a file. Address of its descriptor, 32 bits.</summary>
    public const ulong KVM_DEV_VFIO_FILE_DEL = 2;

    /// <summary>
    /// Older name of <see cref="KVM_DEV_VFIO_FILE"/>, from the time when only files of groups were accepted.
    /// </summary>
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
    /// <summary>Flags. None is defined, and Linux's VFIO device ignores them.</summary>
    public uint Flags;

    /// <summary>The attribute group: <see cref="KvmH.KVM_DEV_VFIO_FILE"/>.</summary>
    public uint Group;

    /// <summary>The attribute in the group.</summary>
    public ulong Attr;

    /// <summary>User address of the value.</summary>
    public ulong Addr;
}
