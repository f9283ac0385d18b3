using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Client;

// Address spaces that are attached as VFIO devices are, instead of being filled by messages. Linux has no such ioctls.
public sealed partial class VdpaDevice
{
    /// <inheritdoc/>
    public uint Id { get; private set; }

    /// <summary>Binds the device to a context (VHOST_VDPA_SET_IOMMU_FD).</summary>
    /// <exception cref="IommuException">EPERM if the caller is not the owner, EBUSY if the device runs, EINVAL,
    /// EBADF.</exception>
    public void Bind(IommuContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        Id = SetIommufd(context.Handle.Descriptor, "binding to a context");
    }

    /// <summary>Takes the device out of its context. Everything that is attached to an IOAS or HWPT is
    /// detached.</summary>
    /// <exception cref="IommuException">EINVAL if it is bound to none, EBUSY if the device runs.</exception>
    public void Unbind()
    {
        SetIommufd(VdpaH.NoIommufd, "unbinding");
        Id = 0;
    }

    /// <summary>Attaches an address space to an IOAS. If it is attached already, moves it there.</summary>
    /// <param name="ioas">The IOAS. A HWPT over it is found or made.</param>
    /// <param name="addressSpace">The address space, in which nothing is mapped by <see cref="Map(Iova, UserMemory,
    /// Core.Domains.MapAccess, int)"/>.</param>
    /// <returns>The HWPT.</returns>
    /// <exception cref="IommuException">EINVAL, ENOENT; EBUSY if the device runs.</exception>
    public uint Attach(Ioas ioas, int addressSpace = 0)
    {
        ArgumentNullException.ThrowIfNull(ioas);
        return Attach(ioas.Id, addressSpace);
    }

    /// <summary>Attaches an address space to a HWPT. If it is attached already, moves it there.</summary>
    /// <param name="hwpt">The HWPT.</param>
    /// <param name="addressSpace">The address space.</param>
    /// <exception cref="IommuException">As for an IOAS.</exception>
    public void Attach(Hwpt hwpt, int addressSpace = 0)
    {
        ArgumentNullException.ThrowIfNull(hwpt);
        Attach(hwpt.Id, addressSpace);
    }

    /// <summary>
    /// Gives an address space a PASID of a /dev/sva: the device uses the PASID's page table, and follows its changes.
    /// If that is the process's, IOVAs are the process's own pointers, and nothing need be mapped.
    /// </summary>
    /// <param name="sva">The open /dev/sva.</param>
    /// <param name="pasid">One of its PASIDs.</param>
    /// <param name="addressSpace">The address space.</param>
    /// <exception cref="IommuException">ENOENT if there is no such PASID; EBUSY if the device runs.</exception>
    public void Attach(SvaContext sva, Pasid pasid, int addressSpace = 0)
    {
        ArgumentNullException.ThrowIfNull(sva);
        Set(VdpaH.VDPA_DEVICE_ATTACH_SVA,
            new VdpaDeviceAttachSva
            {
                Argsz = SizeOf<VdpaDeviceAttachSva>(),
                Sva = sva.Handle.Descriptor,
                Pasid = pasid.Value,
                Asid = (uint)addressSpace,
            }, $"PASID {pasid} for address space {addressSpace}");
    }

    /// <summary>Detaches an address space, also from a PASID. The device reaches nothing through it.</summary>
    /// <exception cref="IommuException">EBUSY if the device runs.</exception>
    public void Detach(int addressSpace = 0) => Set(
        VdpaH.VDPA_DEVICE_DETACH_IOMMUFD_AS,
        new VdpaDeviceDetachIommufdAs { Argsz = SizeOf<VdpaDeviceDetachIommufdAs>(), Asid = (uint)addressSpace },
        $"nothing for address space {addressSpace}");

    private uint Attach(uint pageTable, int addressSpace) => Get(
        VdpaH.VDPA_DEVICE_ATTACH_IOMMUFD_AS,
        $"object {pageTable} for address space {addressSpace}",
        new VdpaDeviceAttachIommufdAs
        {
            Argsz = SizeOf<VdpaDeviceAttachIommufdAs>(),
            PtId = pageTable,
            Asid = (uint)addressSpace,
        }).PtId;

    private uint SetIommufd(int descriptor, string what) => Get(
        VdpaH.VHOST_VDPA_SET_IOMMU_FD,
        what,
        new VhostVdpaSetIommufd { Argsz = SizeOf<VhostVdpaSetIommufd>(), Iommufd = descriptor }).OutDevid;
}
