using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Tests.Vdpa;

/// <summary>The typed client of vDPA devices, on a machine in this process.</summary>
public sealed class VdpaClientTests : IDisposable
{
    private const byte Driver = 3, FeaturesOk = 8, DriverOk = 4;
    private const ulong Basic = (1ul << 32) | (1ul << 33), BackendAsid = 1ul << 3;

    private readonly SoftwareMachine _machine = SoftwareMachine.Create(MachineDescription.Default
        .WithDevice("virtio-net@n0,vdpa,mac=52:54:00:00:00:01").WithDevice("virtio-blk@d0,vdpa,size=1M"));
    private readonly NodeTransport _nodes;

    public VdpaClientTests() => _nodes = NodeTransport.InProcess(_machine);

    public void Dispose()
    {
        _nodes.Dispose();
        _machine.Dispose();
    }

    [Fact]
    public void ADeviceDescribesItself()
    {
        using VdpaDevice net = VdpaDevice.Open(_nodes, 0), disk = VdpaDevice.Open(_nodes, "/dev/vhost-vdpa-1");
        Assert.Equal((1u, 2u), (net.GetDeviceId(), disk.GetDeviceId()));
        Assert.Equal((3, 2, 2), (net.GetQueueCount(), net.GetGroupCount(), net.GetAddressSpaceCount()));
        Assert.Equal(256, net.GetMaxQueueSize());
        Assert.Equal([0x52, 0x54, 0, 0, 0, 1], net.ReadConfig(0, 6));
        Assert.InRange(net.GetConfigSize(), 12, 64);
        Assert.Equal(Basic, net.GetOfferedFeatures() & Basic);
        Assert.Equal(BackendAsid, net.GetOfferedBackendFeatures() & BackendAsid);
        net.SetOwner();
        Assert.Equal([0, 0, 1], Enumerable.Range(0, 3).Select(queue => net.GetQueue(queue).GetGroup()));
    }

    [Fact]
    public void OneProgramHasItAndOneOwnsIt()
    {
        using (VdpaDevice device = VdpaDevice.Open(_nodes, 0))
        {
            Fails(Errno.EBUSY, () => VdpaDevice.Open(_nodes, 0));
            Fails(Errno.EPERM, () => device.GetQueue(0).SetSize(16));
            device.SetOwner();
            Fails(Errno.EBUSY, device.SetOwner);
            device.GetQueue(0).SetSize(16);
        }

        VdpaDevice.Open(_nodes, 0).Dispose();
    }

    [Fact]
    public void TheStatusGrowsUntilItIsReset()
    {
        using VdpaDevice device = VdpaDevice.Open(_nodes, 0);
        device.SetOwner();
        Assert.Equal(0, device.GetStatus());
        device.SetStatus(Driver);
        device.SetFeatures(Basic);
        device.SetStatus(Driver | FeaturesOk);
        Fails(Errno.EBUSY, () => device.SetFeatures(Basic));
        Fails(Errno.EINVAL, () => device.SetStatus(Driver));
        device.SetAddressSpace(1, 1);
        device.SetStatus(Driver | FeaturesOk | DriverOk);
        Fails(Errno.EBUSY, () => device.SetAddressSpace(1, 0));
        device.Suspend();
        device.GetQueue(0).SetBase(7);
        Assert.Equal(7u, device.GetQueue(0).GetBase());
        device.Resume();
        Fails(Errno.EINVAL, () => device.GetQueue(0).SetBase(8));
        device.SetStatus(0);
        Assert.Equal(0, device.GetStatus());
    }

    [Fact]
    public void MapsAreOfAnAddressSpaceAndStayOverAReset()
    {
        using UserMemory memory = _nodes.Allocate(2 * 4096);
        using VdpaDevice device = VdpaDevice.Open(_nodes, 0);
        Fails(Errno.EFAULT, () => device.Map(new Iova(0x1000), memory));
        device.SetOwner();
        device.SetBackendFeatures(device.GetOfferedBackendFeatures() & 0x1e);
        device.Map(new Iova(0x1000), memory);
        Fails(Errno.EFAULT, () => device.Map(new Iova(0x2000), memory));
        device.Map(new Iova(0x2000), memory, addressSpace: 1);
        Fails(Errno.EFAULT, () => device.Map(new Iova(0x8000), memory, addressSpace: 2));
        device.SetStatus(0);
        Fails(Errno.EFAULT, () => device.Map(new Iova(0x1000), memory));
        device.BeginBatch();
        device.Unmap(new Iova(0x1800), 1); // all of what it touches
        device.Map(new Iova(0x2000), memory);
        Fails(Errno.EFAULT, () => device.BeginBatch(1));
        device.EndBatch();
        device.UnmapAll(1);
        device.Map(new Iova(0x2000), memory, addressSpace: 1);
    }

    private static void Fails(Errno errno, Action call) =>
        Assert.Equal(errno, Assert.Throws<IommuException>(call).Errno);
}
