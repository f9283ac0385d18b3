using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Objects;
using Ioasis.Iommufd.Sva;
using Ioasis.Memory;

namespace Ioasis.Passthrough.Vfio;

/// <summary>
/// A device behind an IOMMU that is bound: a whole function (Linux: vfio_iommufd_physical_*), or a subdevice of one.
/// What attaches, drains and reports faults is <see cref="IommufdDevice"/> for both.
/// </summary>
internal sealed class DeviceBinding : VfioBinding
{
    // What is attached to a page table by its number, and (with a registration) what sends a PASID of a /dev/sva.
    private readonly Dictionary<uint, SvaRegistration?> _pasids = [];
    private readonly IommufdDevice _device;
    private bool _attached;

    private DeviceBinding(IommufdContext context, IommufdDevice device) : base(context) => _device = device;

    internal override uint Id => _device.Id;

    internal override bool HasPasids => true;

    /// <summary>
    /// Binds a whole function, or a subdevice: its default PASID is attached where a function's requester ID would be,
    /// and is never shown to the program. Subdevices of one parent can be bound to different contexts at once.
    /// </summary>
    /// <returns>EBUSY when the DMA of the group is another owner's; EINVAL for a default PASID that the parent cannot
    /// send.</returns>
    internal static Errno Bind(IommufdContext context, DmaHandle handle, out VfioBinding? binding)
    {
        Errno errno = IommufdDevice.Bind(context, handle, out IommufdDevice? device);
        binding = errno == Errno.None ? new DeviceBinding(context, device!) : null;
        return errno;
    }

    internal override Errno Attach(ref uint pageTable)
    {
        Errno errno = _attached ? _device.Replace(null, ref pageTable) : _device.Attach(null, ref pageTable);
        if (errno == Errno.None) _attached = true;
        return errno;
    }

    internal override Errno Attach(uint pasid, ref uint pageTable)
    {
        // the parent's PASIDs are the host's: of a subdevice without a table of its own they come from /dev/sva
        if (_device is { IsSubdevice: true, MaxPasidLog2: 0 })
            return Errno.EOPNOTSUPP.Because("PASIDs of this part of a device come from /dev/sva");
        // What Linux's allocator of IDs says of it.
        if (pasid > int.MaxValue) return Errno.ENOSPC.Because($"PASID {pasid} exceeds 31 bits");
        if (!Pasid.TryCreate(pasid, out Pasid id)) return _device.RefusePasid(pageTable);
        if (_pasids.TryGetValue(pasid, out SvaRegistration? sva))
            return sva is null
                ? _device.Replace(Key(id), ref pageTable)
                : Errno.EBUSY.Because($"PASID {pasid} is attached to a /dev/sva");
        Errno errno = _device.Attach(Key(id), ref pageTable);
        if (errno == Errno.None) _pasids.Add(pasid, null);
        return errno;
    }

    internal override Errno Attach(SvaFileContext sva, uint pasid)
    {
        if (_pasids.ContainsKey(pasid)) return Errno.EBUSY.Because($"PASID {pasid} is attached already");
        Errno errno = sva.RegisterDeviceToPasid(_device, pasid, out SvaRegistration? registration);
        if (errno == Errno.None) _pasids.Add(pasid, registration);
        return errno;
    }

    internal override void Detach()
    {
        if (!_attached) return;
        _device.Detach(null);
        _attached = false;
    }

    internal override void Detach(uint pasid)
    {
        if (!_pasids.Remove(pasid, out SvaRegistration? sva)) return;
        if (sva is null) _device.Detach(Key(new Pasid(pasid)));
        else sva.Dispose();
    }

    protected override void Unbind()
    {
        foreach (uint pasid in _pasids.Keys.Order().ToArray()) Detach(pasid);
        Detach();
        _device.Unbind();
    }

    /// <summary>PASID 0 is the one of requests without PASID (Linux: IOMMU_NO_PASID).</summary>
    private static Pasid? Key(Pasid pasid) => pasid.Value == 0 ? null : pasid;
}
