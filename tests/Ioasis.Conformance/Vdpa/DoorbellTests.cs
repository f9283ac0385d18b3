using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Targets;

namespace Ioasis.Conformance.Vdpa;

/// <summary>The page that a program maps to notify a queue by a store.</summary>
public sealed class DoorbellTests : VdpaTest
{
    private const ulong Data = 0x200000, NotificationData = 1ul << 38;
    private const Errno ENOTSUPP = (Errno)524; // Linux's own number, which no header for programs has

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_store_notifies_the_queue(bool withData)
    {
        Target.Needs("doorbells");
        VdpaDevice disk = OpenOwned(Disk);
        using var requests = new DiskRequest(disk, Nodes);
        using MappedRegion doorbell = disk.GetQueue(0).MapDoorbell();
        UserMemory data = Pages(1);
        disk.Map(At(Data), data);
        Negotiate(disk, withData ? NotificationData : 0);
        requests.SetUp();
        Run(disk);
        Assert.Equal(DiskRequest.Ok, requests.Ask(At(Data)));
        for (int round = 0; round < 5; round++)
        {
            Until(() => requests.Ring.WantsNotification, "a device that waits");
            data.Clear();
            uint notification = requests.Offer(At(Data));
            if (withData) doorbell.Write(0, notification);
            else doorbell.Write(0, (ushort)notification);
            requests.Ring.WaitForUsed();
            Assert.NotEqual(0, data.Read<byte>());
        }
    }

    [Fact]
    public void A_mapping_keeps_the_device_open()
    {
        Target.Needs("doorbells");
        VdpaDevice disk = OpenOwned(Disk);
        MappedRegion doorbell = disk.GetQueue(0).MapDoorbell();
        disk.Dispose();
        Fails(Errno.EBUSY, () => VdpaDevice.Open(Nodes, disk.Handle.Path));
        doorbell.Dispose();
        VdpaDevice.Open(Nodes, disk.Handle.Path).Dispose();
    }

    [Fact]
    public void Other_mappings_are_refused()
    {
        Target.Needs("doorbells");
        VdpaDevice disk = OpenOwned(Disk);
        Fails(Errno.EINVAL, () => disk.GetQueue(disk.GetQueueCount()).MapDoorbell());
        foreach ((ulong length, bool isShared, bool isReadable) in
            ((ulong, bool, bool)[])[(2 * Page, true, false), (Page, false, false), (Page, true, true)])
        {
            Assert.Equal(Errno.EINVAL, disk.Handle.TryMap(0, length, isShared, isReadable, writable: true,
                executable: false, out _));
        }
    }

    [Fact]
    public void A_device_without_doorbells_has_an_errno_of_its_own()
    {
        VdpaDevice card = OpenOwned(Net);
        Fails(ENOTSUPP, () => card.GetQueue(0).MapDoorbell());
        Fails(ENOTSUPP, () => card.GetQueue(card.GetQueueCount()).MapDoorbell());
        Assert.Equal(Errno.EINVAL, card.Handle.TryMap(0, Page, shared: true, readable: true, writable: true,
            executable: false, out _));
    }
}
