using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Iommufd.Sva;

namespace Ioasis.Passthrough.Vdpa.Spaces;

/// <summary>
/// The address spaces of an open vhost file, and the batch that is open. The file's lock is held during each call.
/// </summary>
internal sealed class VdpaSpaces(VdpaDevice device, ICarrier carrier)
{
    private readonly VdpaSpace?[] _spaces = new VdpaSpace?[device.AddressSpaces];
    private readonly IommufdContext _context = new(carrier, observers: device.Endpoint.Observers);
    private readonly IommufdDevice?[] _bound = new IommufdDevice?[device.AddressSpaces]; // to the program's context
    private IommufdContext? _iommufd; // the program's

    // For the PASID of the owner's process, if the device gets it without being told; else null.
    private readonly SvaFileContext? _own =
        device.OwnerPasids is { } pasids ? new SvaFileContext(pasids, 1, carrier) : null;

    private int? _batch; // the address space of the open batch

    /// <summary>
    /// The owner pays for what of our memory the address spaces take. Called without the file's lock, as it asks the
    /// owner's process.
    /// </summary>
    internal void ChargeTo(ICaller owner)
    {
        _context.Objects.Budget.SetPayer(owner);
        _own?.ChargeTo(owner);
    }

    /// <summary>
    /// The device has an owner. If it is to use the owner's pointers, all its address spaces get the owner's memory
    /// (Linux: bind_mm of struct vdpa_config_ops, which is told at the same place).
    /// </summary>
    /// <returns>The errors of a binding and of a registration.</returns>
    internal Errno BindOwner(VdpaOwner owner)
    {
        uint pasid = 0;
        Errno errno = _own?.BindProcess(owner.Memory, ref pasid) ?? Errno.None;
        for (uint asid = 0; _own is not null && errno == Errno.None && asid < (uint)_spaces.Length; asid++)
            errno = AttachPasid(asid, _own, pasid);
        return errno;
    }

    /// <summary>
    /// Does what a message says. An address space is made by the first message that maps into it or begins a batch, and
    /// stays until the file is closed.
    /// </summary>
    /// <returns>Any errno, which the program sees as EFAULT.</returns>
    internal Errno Process(uint asid, in VhostIotlbMsg message, VdpaOwner owner)
    {
        if (asid >= (uint)_spaces.Length)
            return Errno.EINVAL.Because($"there is no address space {asid}; the device has {_spaces.Length}");
        ref VdpaSpace? space = ref _spaces[asid];
        if (space is null)
        {
            if (message.Type is not (VhostH.VHOST_IOTLB_UPDATE or VhostH.VHOST_IOTLB_BATCH_BEGIN))
                return Errno.EINVAL.Because($"address space {asid} is new: it takes an update or the begin of a batch");
            Errno errno = IotlbSpace.TryCreate(device, (int)asid, _context, out space);
            if (errno != Errno.None) return errno;
        }

        if (_batch is { } batch && batch != asid)
            return Errno.EINVAL.Because($"a batch for address space {batch} is open");
        switch (message.Type)
        {
            case VhostH.VHOST_IOTLB_UPDATE:
                return space!.Update(in message, owner, _batch is not null);
            case VhostH.VHOST_IOTLB_INVALIDATE:
                return space!.Invalidate(in message, owner, _batch is not null);
            case VhostH.VHOST_IOTLB_BATCH_BEGIN:
                _batch = (int)asid;
                return Errno.None;
            case VhostH.VHOST_IOTLB_BATCH_END:
                _batch = null;
                space!.EndBatch();
                return Errno.None;
            default:
                return Errno.EINVAL.Because($"message type {message.Type} is not known");
        }
    }

    /// <summary>
    /// Binds the device to a program's iommufd (VHOST_VDPA_SET_IOMMU_FD). Its address spaces are the program's
    /// messages' until they are attached.
    /// </summary>
    /// <param name="context">The program's context.</param>
    /// <param name="id">The device's ID there.</param>
    /// <returns>EBUSY if the device is bound.</returns>
    internal Errno Bind(IommufdContext context, out uint id)
    {
        id = 0;
        if (_iommufd is not null) return Errno.EBUSY.Because("the device is bound to an iommufd already");
        Errno errno = IommufdDevice.Bind(context, device.HandleOf(0), out IommufdDevice? bound);
        if (errno != Errno.None) return errno;
        context.AddReference();
        (_iommufd, _bound[0], id) = (context, bound, bound!.Id);
        return Errno.None;
    }

    /// <summary>Detaches what is attached to the program's iommufd, and unbinds the device.</summary>
    /// <returns>EINVAL if it is not bound; EBUSY while it runs.</returns>
    internal Errno Unbind()
    {
        if (_iommufd is null) return Errno.EINVAL.Because("the device is bound to no iommufd");
        if (device.IsRunning) return Errno.EBUSY.Because("the device runs");
        LetGoOfIommufd(null);
        return Errno.None;
    }

    /// <summary>
    /// Attaches an address space to an IOAS or HWPT of the program's iommufd, or moves it to another one.
    /// </summary>
    /// <returns>
    /// EINVAL if the device is not bound or there is no such address space; EBUSY while it runs, or while messages have
    /// filled the address space, or a PASID has it; the errors of an attach.
    /// </returns>
    internal Errno Attach(uint asid, ref uint pageTable, VdpaOwner owner)
    {
        if (_iommufd is null || asid >= (uint)_spaces.Length)
            return Errno.EINVAL.Because($"the device is bound to no iommufd, or has no address space {asid}");
        if (device.IsRunning) return Errno.EBUSY.Because("the device runs");
        if (_spaces[asid] is IommufdSpace attached) return attached.Replace(ref pageTable);
        Errno errno = MakeRoom(asid, owner);
        if (errno != Errno.None) return errno;
        if (_bound[asid] is null
            && (errno = IommufdDevice.Bind(_iommufd, device.HandleOf((int)asid), out _bound[asid])) != Errno.None)
            return errno;
        return IommufdSpace.TryAttach(_bound[asid]!, ref pageTable, out _spaces[asid]);
    }

    /// <summary>Gives an address space the page table of a PASID of a /dev/sva.</summary>
    /// <returns>
    /// EINVAL if there is no such address space; EBUSY as for an attach; the errors of a registration.
    /// </returns>
    internal Errno Attach(uint asid, SvaFileContext sva, uint pasid, VdpaOwner owner)
    {
        if (asid >= (uint)_spaces.Length)
            return Errno.EINVAL.Because($"there is no address space {asid}; the device has {_spaces.Length}");
        if (device.IsRunning) return Errno.EBUSY.Because("the device runs");
        Errno errno = MakeRoom(asid, owner);
        return errno == Errno.None ? AttachPasid(asid, sva, pasid) : errno;
    }

    /// <summary>Detaches an address space from what was attached. Messages fill it again.</summary>
    /// <returns>EINVAL if nothing is attached; EBUSY while the device runs.</returns>
    internal Errno Detach(uint asid)
    {
        if (asid >= (uint)_spaces.Length || _spaces[asid] is null or IotlbSpace)
            return Errno.EINVAL.Because($"address space {asid} is attached to nothing");
        if (device.IsRunning) return Errno.EBUSY.Because("the device runs");
        Drop((int)asid, null);
        return Errno.None;
    }

    /// <summary>Detaches everything and gives it back.</summary>
    internal void Close(VdpaOwner? owner)
    {
        LetGoOfIommufd(owner);
        for (int asid = 0; asid < _spaces.Length; asid++) Drop(asid, owner);
        _own?.Close();
        _context.Release();
    }

    private Errno AttachPasid(uint asid, SvaFileContext sva, uint pasid)
    {
        SvaSpace? space = _spaces.OfType<SvaSpace>().FirstOrDefault(other => other.Has(sva, pasid))?.Share();
        if (space is null)
        {
            Errno errno = IommufdDevice.Bind(_context, device.HandleOf((int)asid), out IommufdDevice? bound);
            if (errno != Errno.None) return errno;
            if ((errno = SvaSpace.TryAttach(bound!, sva, pasid, out space)) != Errno.None)
            {
                bound!.Unbind();
                return errno;
            }
        }

        _spaces[asid] = space;
        device.SetPasid((int)asid, space!.Pasid);
        return Errno.None;
    }

    /// <summary>An address space that nothing fills makes room for an attachment.</summary>
    private Errno MakeRoom(uint asid, VdpaOwner owner)
    {
        if (_spaces[asid] is { IsEmpty: false }) return Errno.EBUSY.Because($"address space {asid} has mappings");
        Drop((int)asid, owner);
        return Errno.None;
    }

    private void Drop(int asid, VdpaOwner? owner)
    {
        _spaces[asid]?.Close(owner);
        _spaces[asid] = null;
        device.SetPasid(asid, null);
    }

    private void LetGoOfIommufd(VdpaOwner? owner)
    {
        if (_iommufd is null) return;
        for (int asid = 0; asid < _spaces.Length; asid++)
        {
            if (_spaces[asid] is IommufdSpace) Drop(asid, owner);
            _bound[asid]?.Unbind();
            _bound[asid] = null;
        }

        _iommufd.Release();
        _iommufd = null;
    }
}
