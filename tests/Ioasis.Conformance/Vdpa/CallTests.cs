using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Memory;
using static Ioasis.Abi.VhostH;

namespace Ioasis.Conformance.Vdpa;

/// <summary>The ioctls and messages of /dev/vhost-vdpa-N and their errors.</summary>
public sealed class CallTests : VdpaTest
{
    private const uint Unknown = 0xAFEE;

    [Fact]
    public void One_program_at_a_time_has_a_device_open()
    {
        VdpaDevice device = OpenOwned(Net);
        Fails(Errno.EBUSY, () => VdpaDevice.Open(Nodes, device.Handle.Path));
        Negotiate(device);
        Run(device);
        device.Dispose();
        using VdpaDevice again = VdpaDevice.Open(Nodes, device.Handle.Path);
        Assert.Equal(0, again.GetStatus());
        again.SetOwner();
    }

    [Fact]
    public void What_a_device_is_needs_no_owner_and_all_else_does()
    {
        VdpaDevice device = Open(Net);
        Assert.True(device.GetQueueCount() >= 2);
        Assert.True(device.GetGroupCount() >= 1);
        Assert.True(device.GetAddressSpaceCount() >= 1);
        Assert.Equal(device.GetConfigSize(), device.ReadConfig(0, device.GetConfigSize()).Length);
        Assert.NotEqual(0ul, device.GetOfferedFeatures() & AccessPlatform);
        Assert.Equal(0x6ul, device.GetOfferedBackendFeatures() & 0x6);
        Negotiate(device);
        device.Suspend();
        Fails(Errno.EPERM, Vring(device, VHOST_SET_VRING_NUM, 0, 64));
        Fails(Errno.EPERM, Vring(device, VHOST_VDPA_GET_VRING_GROUP, 0, 0));
        Fails(Errno.EPERM, device.Handle.Ioctl(Unknown, 0));
        Fails(Errno.ENOTTY, device.Handle.Ioctl(VHOST_SET_LOG_BASE, 0));
        Fails(Errno.EFAULT, Update(device, At(0x1000), Page, Pages(1).Address));
        device.SetOwner();
        Fails(Errno.EBUSY, device.SetOwner);
        Fails(Errno.EFAULT, device.Handle.Ioctl(Unknown, Nowhere));
        Fails(Errno.ENOBUFS, Vring(device, Unknown, 99, 0));
        Fails(Errno.ENOTTY, Vring(device, Unknown, 0, 0));
    }

    [Fact]
    public void Status_and_features()
    {
        VdpaDevice device = OpenOwned(Net);
        device.SetStatus(3);
        Fails(Errno.EINVAL, () => device.SetStatus(1));
        Fails(Errno.EINVAL, () => device.SetFeatures(0));
        device.SetFeatures(AccessPlatform | 1UL << 60);
        device.SetStatus(0xb);
        Fails(Errno.EBUSY, device.Handle.Ioctl(VHOST_SET_FEATURES, Nowhere));
        Fails(Errno.EOPNOTSUPP, () => device.SetBackendFeatures(1));
        Fails(Errno.EINVAL, () => device.SetBackendFeatures(1 << VHOST_BACKEND_F_DESC_ASID));
        device.SetStatus(0);
        Assert.Equal(0, device.GetStatus());
    }

    [Fact]
    public void Queues_are_set_up_until_the_device_runs()
    {
        VdpaDevice device = OpenOwned(Net);
        Negotiate(device);
        foreach (uint size in (uint[])[0, 3, 0x10000])
            Fails(Errno.EINVAL, Vring(device, VHOST_SET_VRING_NUM, 0, size));
        Fails(Errno.ENOBUFS, Vring(device, VHOST_SET_VRING_NUM, 99, 64));
        Succeeds(Vring(device, VHOST_SET_VRING_NUM, 0, 64));
        Fails(Errno.EINVAL, Vring(device, VHOST_SET_VRING_BASE, 0, 0x10000));
        device.GetQueue(0).SetBase(5);
        Fails(Errno.EINVAL, () => device.GetQueue(0).SetAddresses(At(0), At(1), At(0)));
        Fails(Errno.EINVAL, () => device.GetQueue(0).SetAddresses(At(0), At(0), At(2)));
        device.GetQueue(0).SetAddresses(At(1), At(0), At(0));
        Fails(Errno.EBADF, Eventfd(device, VHOST_SET_VRING_CALL, 0, -2));
        Fails(Errno.EINVAL, Eventfd(device, VHOST_SET_VRING_KICK, 0, device.Handle.Descriptor));
        Succeeds(Eventfd(device, VHOST_SET_VRING_KICK, 0, VHOST_FILE_UNBIND));
        Run(device);
        Fails(Errno.EINVAL, () => device.GetQueue(0).SetAddresses(At(0), At(0), At(0)));
        Fails(Errno.EINVAL, () => device.GetQueue(0).SetBase(6));
        Assert.Equal(5u, device.GetQueue(0).GetBase());
        device.Suspend();
        device.GetQueue(0).SetBase(9);
        Assert.Equal(9u, device.GetQueue(0).GetBase());
        device.Resume();
        device.SetStatus(0);
        Assert.Equal(0u, device.GetQueue(0).GetBase());
    }

    [Fact]
    public void Groups_have_address_spaces()
    {
        VdpaDevice device = OpenOwned(Net);
        int last = device.GetQueueCount() - 1;
        Assert.Equal(0, device.GetQueue(0).GetGroup());
        Assert.Equal(device.GetGroupCount() - 1, device.GetQueue(last).GetGroup());
        device.SetAddressSpace(0, 0);
        Fails(Errno.EINVAL, () => device.SetAddressSpace(0, device.GetAddressSpaceCount()));
        Fails(Errno.ENOBUFS, () => device.SetAddressSpace(device.GetQueueCount(), 0));
        Negotiate(device);
        Run(device);
        Fails(Errno.EBUSY, () => device.SetAddressSpace(0, 0));
    }

    [Fact]
    public void Messages_are_judged_in_Linuxs_order()
    {
        VdpaDevice device = OpenOwned(Net);
        Hva memory = Pages(4).Address;
        var update = new VhostMsgV2
        {
            Type = VHOST_IOTLB_MSG_V2,
            Iotlb = new VhostIotlbMsg { Iova = 0x1000, Size = Page, Uaddr = memory.Value, Type = VHOST_IOTLB_UPDATE },
        };
        Fails(Errno.EINVAL, Send(device, update, 39));
        Assert.Equal(72, Send(device, update, 40).Value);
        Fails(Errno.EFAULT, Send(device, update));
        Fails(Errno.EINVAL, Send(device, update with { Type = 7 }));
        Fails(Errno.EINVAL, Update(device, At(0x8000), 0, memory));
        Fails(Errno.EFAULT, Update(device, At(0x8000), Page, memory, asid: 99));
        Fails(Errno.EFAULT, Update(device, At(~0xffful), 2 * Page, memory));
        device.Unmap(At(0x1000), 1);
        Assert.Equal(72, Send(device, update, 100).Value);
        device.BeginBatch();
        device.BeginBatch();
        Fails(Errno.EFAULT, Update(device, At(0x8000), Page, memory, asid: 1));
        device.EndBatch();
        device.EndBatch();
        Assert.Equal(72, Update(device, At(0x8000), Page, memory, asid: 1).Value);
        device.UnmapAll();
        device.UnmapAll(1);
    }
}
