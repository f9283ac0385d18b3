using System.Runtime.InteropServices;

namespace Ioasis.Abi;

/// <summary>
/// Our additions to /dev/vhost-vdpa-N (include/ioasis.h): its address spaces are attached as VFIO devices are. The
/// names are those of a series of patches that Linux never took. Numbers from 0x90 on are nobody's.
/// </summary>
public static class VdpaH
{
    /// <summary>Binds the device to an iommufd, or unbinds it (<see cref="VhostVdpaSetIommufd"/>).</summary>
    public const uint VHOST_VDPA_SET_IOMMU_FD = ReadWrite | (16 << Ioc.SizeShift) | 0x90;

    /// <summary>Attaches an address space to an IOAS or HWPT (<see cref="VdpaDeviceAttachIommufdAs"/>).</summary>
    public const uint VDPA_DEVICE_ATTACH_IOMMUFD_AS = ReadWrite | (16 << Ioc.SizeShift) | 0x91;

    /// <summary>Detaches an address space (<see cref="VdpaDeviceDetachIommufdAs"/>).</summary>
    public const uint VDPA_DEVICE_DETACH_IOMMUFD_AS = Write | (12 << Ioc.SizeShift) | 0x92;

    /// <summary>Gives an address space a PASID of a /dev/sva (<see cref="VdpaDeviceAttachSva"/>).</summary>
    public const uint VDPA_DEVICE_ATTACH_SVA = Write | (20 << Ioc.SizeShift) | 0x93;

    /// <summary>Descriptor in <see cref="VhostVdpaSetIommufd"/> that unbinds.</summary>
    public const int NoIommufd = -1;

    private const uint Write = (Ioc.DirWrite << Ioc.DirShift) | (VhostH.VHOST_VIRTIO << Ioc.TypeShift);
    private const uint ReadWrite = (Ioc.DirRead << Ioc.DirShift) | Write;
}

/// <summary>Binds a vDPA device to an iommufd.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct VhostVdpaSetIommufd
{
    /// <summary>Bytes of this structure.</summary>
    public uint Argsz;

    /// <summary>Must be 0.</summary>
    public uint Flags;

    /// <summary>An open /dev/iommu; <see cref="VdpaH.NoIommufd"/> unbinds.</summary>
    public int Iommufd;

    /// <summary>Out: the device's ID there.</summary>
    public uint OutDevid;
}

/// <summary>Attaches an address space of a vDPA device.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct VdpaDeviceAttachIommufdAs
{
    /// <summary>Bytes of this structure.</summary>
    public uint Argsz;

    /// <summary>Must be 0.</summary>
    public uint Flags;

    /// <summary>In: ID of an IOAS or HWPT. Out: ID of the HWPT.</summary>
    public uint PtId;

    /// <summary>The address space.</summary>
    public uint Asid;
}

/// <summary>Detaches an address space of a vDPA device.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct VdpaDeviceDetachIommufdAs
{
    /// <summary>Bytes of this structure.</summary>
    public uint Argsz;

    /// <summary>Must be 0.</summary>
    public uint Flags;

    /// <summary>The address space.</summary>
    public uint Asid;
}

/// <summary>Gives an address space of a vDPA device a PASID of a /dev/sva.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct VdpaDeviceAttachSva
{
    /// <summary>Bytes of this structure.</summary>
    public uint Argsz;

    /// <summary>Must be 0.</summary>
    public uint Flags;

    /// <summary>An open /dev/sva.</summary>
    public int Sva;

    /// <summary>One of its PASIDs.</summary>
    public uint Pasid;

    /// <summary>The address space.</summary>
    public uint Asid;
}
