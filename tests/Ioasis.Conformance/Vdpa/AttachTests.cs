using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Targets;
using Ioasis.Memory;

namespace Ioasis.Conformance.Vdpa;

/// <summary>
/// An address space of a disk that has a page table of /dev/iommu or of /dev/sva: the disk reaches what the table
/// says, and nothing else. Linux has no such calls.
/// </summary>
public sealed class AttachTests : VdpaTest
{
    private const ulong Data = 0x200000;
    private readonly IommuContext _context;
    private readonly Ioas _ioas;
    private readonly VdpaDevice _disk;
    private readonly DiskRequest _requests;
    private readonly UserMemory _data;

    public AttachTests()
    {
        Target.Needs("vdpa-iommufd");
        _context = OpenContext();
        _ioas = _context.AllocateIoas();
        _disk = OpenOwned(Disk);
        _disk.Bind(_context);
        _requests = Own(new DiskRequest(_disk, Nodes));
        _data = Pages(1);
    }

    [Fact]
    public void An_unmap_of_the_IOAS_stops_the_disk()
    {
        Assert.NotEqual(0u, _disk.Id);
        Assert.NotEqual(_ioas.Id, _disk.Attach(_ioas));
        MapAll(_ioas, _data);
        Start();
        Answered(_data);
        _ioas.Unmap(At(Data), Page);
        Refused(_data);
        _ioas.Map(_data, at: At(Data));
        Answered(_data);
        Fails(Errno.EBUSY, _ioas.Destroy);
        Assert.Equal(Acknowledge | Driver | FeaturesOk | DriverOk, _disk.GetStatus());
    }

    [Fact]
    public void An_address_space_moves_between_HWPTs_while_the_disk_does_not_run()
    {
        Ioas other = _context.AllocateIoas();
        UserMemory second = Pages(1);
        MapAll(_ioas, _data);
        MapAll(other, second);
        Hwpt hwpt = _context.AllocateHwpt(_disk, _ioas);
        _disk.Attach(hwpt);
        Start();
        Answered(_data);
        Fails(Errno.EBUSY, () => _disk.Attach(other));
        Fails(Errno.EBUSY, hwpt.Destroy);
        _disk.SetStatus(0);
        _disk.Attach(other);
        hwpt.Destroy();
        _ioas.Destroy();
        Start();
        _data.Clear();
        Answered(second);
        Assert.Equal(0, _data.Read<byte>());
    }

    [Fact]
    public void What_is_detached_reaches_nothing_and_messages_fill_it_again()
    {
        using UserEvent changed = Nodes.CreateEvent();
        MapAll(_ioas, _data);
        _disk.Attach(_ioas);
        Start();
        Answered(_data);
        _disk.SetStatus(0);
        _disk.Detach();
        _ioas.Destroy();
        _disk.SetConfigEvent(changed);
        Start();
        _data.Clear();
        _requests.Post(At(Data));
        Assert.NotEqual(0ul, changed.Wait(Patience));
        Assert.Equal(NeedsReset, _disk.GetStatus() & NeedsReset); // the ring is out of reach as well
        Assert.Equal(0, _data.Read<byte>());
        _disk.SetStatus(0);
        _requests.Map();
        _disk.Map(At(Data), _data);
        Start();
        Answered(_data);
    }

    [Fact]
    public void Unbinding_detaches_and_closing_does()
    {
        MapAll(_ioas, _data);
        _disk.Attach(_ioas);
        Fails(Errno.EBUSY, _ioas.Destroy);
        _disk.Unbind();
        Assert.Equal(0u, _disk.Id);
        _ioas.Destroy();
        using IommuContext second = IommuContext.Open(Nodes);
        Ioas ioas = second.AllocateIoas();
        _disk.Bind(second);
        _disk.Attach(ioas);
        _disk.Dispose();
        ioas.Destroy();
    }

    [Fact]
    public void With_the_PASID_of_the_process_pointers_are_IOVAs()
    {
        Target.Needs("sva");
        using SvaContext sva = SvaContext.Open(Nodes);
        using var requests = new DiskRequest(_disk, Nodes, ringIova: null);
        using UserEvent changed = Nodes.CreateEvent();
        Pasid pasid = sva.BindProcess();
        _disk.Attach(sva, pasid);
        _disk.SetConfigEvent(changed);
        Negotiate(_disk);
        requests.Ring.SetUp();
        Run(_disk);
        var pointer = new Iova(_data.Address.Value);
        Assert.Equal(DiskRequest.Ok, requests.Ask(pointer));
        Assert.NotEqual(0, _data.Read<byte>());
        _disk.Map(pointer, _data); // true already
        Fails(Errno.EFAULT, () => _disk.Map(At(Data), _data));
        Assert.Equal(DiskRequest.Error, requests.Ask(At(Nowhere)));
        sva.Unbind(pasid);
        _data.Clear();
        requests.Post(pointer);
        Assert.NotEqual(0ul, changed.Wait(Patience));
        Assert.Equal(0, _data.Read<byte>());
        _disk.SetStatus(0);
        _disk.Detach();
    }

    [Fact]
    public void A_PASID_can_have_an_IOAS()
    {
        Target.Needs("sva");
        using SvaContext sva = SvaContext.Open(Nodes);
        Pasid pasid = sva.AllocatePasid();
        sva.Bind(pasid, _ioas);
        MapAll(_ioas, _data);
        _disk.Attach(sva, pasid);
        Fails(Errno.EFAULT, () => _disk.Map(At(Data), _data)); // it has the IOAS's mappings, not messages'
        Start();
        Answered(_data);
        _ioas.Unmap(At(Data), Page);
        Refused(_data);
    }

    [Fact]
    public void Wrong_bindings_are_refused()
    {
        Fails(Errno.EBUSY, () => _disk.Bind(_context));
        _disk.Unbind();
        Fails(Errno.EINVAL, _disk.Unbind);
        Fails(Errno.EINVAL, () => _disk.Attach(_ioas));
        Fails(Errno.EBADF, Bind(int.MaxValue));
        Fails(Errno.EINVAL, Bind(_disk.Handle.Descriptor));
        Fails(Errno.EINVAL, Bind(_context.Handle.Descriptor, size: 15));
        Fails(Errno.EINVAL, Bind(_context.Handle.Descriptor, flags: 1));
        Fails(Errno.EFAULT, _disk.Handle.Ioctl(VdpaH.VHOST_VDPA_SET_IOMMU_FD, Nowhere));
        _disk.Dispose();
        VdpaDevice unowned = Open(Disk);
        Fails(Errno.EPERM, () => unowned.Bind(_context));
        Fails(Errno.EPERM, () => unowned.Attach(_ioas));
        Fails(Errno.EPERM, () => unowned.Detach());
        unowned.SetOwner();
        unowned.Bind(_context);
    }

    [Fact]
    public void Wrong_attaches_are_refused_and_nothing_changed()
    {
        Fails(Errno.ENOENT, Attach(NoId));
        Fails(Errno.EINVAL, Attach(_disk.Id));
        Fails(Errno.EINVAL, Attach(_ioas.Id, asid: (uint)_disk.GetAddressSpaceCount()));
        Fails(Errno.EINVAL, Attach(_ioas.Id, size: 15));
        Fails(Errno.EINVAL, Attach(_ioas.Id, flags: 1));
        Fails(Errno.EFAULT, _disk.Handle.Ioctl(VdpaH.VDPA_DEVICE_ATTACH_IOMMUFD_AS, Nowhere));
        Fails(Errno.EFAULT, _disk.Handle.Ioctl(VdpaH.VDPA_DEVICE_DETACH_IOMMUFD_AS, Nowhere));
        Fails(Errno.EINVAL, () => _disk.Detach());
        Fails(Errno.EINVAL, () => _disk.Detach(_disk.GetAddressSpaceCount()));
        _disk.Map(At(Data), _data);
        Fails(Errno.EBUSY, () => _disk.Attach(_ioas));
        _disk.UnmapAll();
        _disk.Attach(_ioas);
        Fails(Errno.EFAULT, () => _disk.Map(At(Data), _data));
        Fails(Errno.ENOENT, Attach(NoId)); // the address space stays where it was
        MapAll(_ioas, _data);
        Start();
        Fails(Errno.EBUSY, () => _disk.Attach(_ioas));
        Fails(Errno.EBUSY, () => _disk.Detach());
        Fails(Errno.EBUSY, _disk.Unbind);
        Answered(_data);
    }

    [Fact]
    public void Wrong_PASIDs_are_refused()
    {
        Target.Needs("sva");
        using SvaContext sva = SvaContext.Open(Nodes);
        Pasid pasid = sva.BindProcess();
        Fails(Errno.ENOENT, () => _disk.Attach(sva, new Pasid(pasid.Value + 1)));
        Fails(Errno.EINVAL, () => _disk.Attach(sva, pasid, _disk.GetAddressSpaceCount()));
        Fails(Errno.EBADF, AttachSva(int.MaxValue));
        Fails(Errno.EBADFD, AttachSva(_context.Handle.Descriptor));
        Fails(Errno.EINVAL, AttachSva(sva.Handle.Descriptor, size: 19));
        Fails(Errno.EINVAL, AttachSva(sva.Handle.Descriptor, flags: 1));
        Fails(Errno.EFAULT, _disk.Handle.Ioctl(VdpaH.VDPA_DEVICE_ATTACH_SVA, Nowhere));
        _disk.Attach(_ioas);
        Fails(Errno.EBUSY, () => _disk.Attach(sva, pasid));
        _disk.Detach();
        _disk.Attach(sva, pasid);
        Fails(Errno.EBUSY, () => _disk.Attach(sva, pasid));
        Fails(Errno.EBUSY, () => _disk.Attach(_ioas));
        Run(_disk);
        Fails(Errno.EBUSY, () => _disk.Detach());
        _disk.SetStatus(0);
        _disk.Detach();

        SysResult AttachSva(int file, uint size = 20, uint flags = 0)
        {
            var attach = new VdpaDeviceAttachSva { Argsz = size, Flags = flags, Sva = file, Pasid = pasid.Value };
            return _disk.TryIoctl(VdpaH.VDPA_DEVICE_ATTACH_SVA, ref attach);
        }
    }

    /// <summary>The disk begins with an empty ring.</summary>
    private void Start()
    {
        Negotiate(_disk);
        _requests.SetUp(isMapped: false);
        Run(_disk);
    }

    private void MapAll(Ioas ioas, UserMemory data)
    {
        ioas.Map(_requests.Ring.Memory, at: _requests.Ring.Iova);
        ioas.Map(data, at: At(Data));
    }

    private void Answered(UserMemory data)
    {
        data.Clear();
        Assert.Equal(DiskRequest.Ok, _requests.Ask(At(Data)));
        Assert.NotEqual(0, data.Read<byte>());
    }

    private void Refused(UserMemory data)
    {
        data.Clear();
        Assert.Equal(DiskRequest.Error, _requests.Ask(At(Data)));
        Assert.Equal(0, data.Read<byte>());
    }

    private SysResult Bind(int file, uint size = 16, uint flags = 0)
    {
        var bind = new VhostVdpaSetIommufd { Argsz = size, Flags = flags, Iommufd = file };
        return _disk.TryIoctl(VdpaH.VHOST_VDPA_SET_IOMMU_FD, ref bind);
    }

    private SysResult Attach(uint table, uint asid = 0, uint size = 16, uint flags = 0)
    {
        var attach = new VdpaDeviceAttachIommufdAs { Argsz = size, Flags = flags, PtId = table, Asid = asid };
        return _disk.TryIoctl(VdpaH.VDPA_DEVICE_ATTACH_IOMMUFD_AS, ref attach);
    }
}
