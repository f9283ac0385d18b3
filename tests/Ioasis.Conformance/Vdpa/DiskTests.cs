using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Targets;

namespace Ioasis.Conformance.Vdpa;

/// <summary>What a device reaches: a disk answers through its address space, and through nothing else.</summary>
public sealed class DiskTests : VdpaTest
{
    private const ulong Data = 0x200000;

    [Fact]
    public void A_request_goes_through_the_address_space()
    {
        using DiskRequest requests = SetUp(out VdpaDevice disk);
        UserMemory data = Pages(2);
        disk.Map(At(Data), data);
        Run(disk);
        Assert.Equal(DiskRequest.Ok, requests.Ask(At(Data)));
        Assert.True(requests.WaitForCall());
        byte[] name = data.ToArray(0, DiskRequest.NameLength);
        Assert.Contains(name, b => b != 0);
        Assert.Equal(DiskRequest.Ok, requests.Ask(At(Data + Page - 3))); // over the end of a page
        Assert.Equal(name, data.ToArray(Page - 3, DiskRequest.NameLength));
        Assert.Equal(2u, disk.GetQueue(0).GetBase());
    }

    [Theory]
    [InlineData(VhostH.VHOST_ACCESS_RO)]
    [InlineData((byte)0)]
    [InlineData((byte)4)]
    public void Data_that_the_device_may_not_write_is_an_error_of_the_request(byte perm)
    {
        using DiskRequest requests = SetUp(out VdpaDevice disk);
        UserMemory data = Pages(1);
        byte[] before = Pattern((int)Page, perm);
        data.CopyFrom(0, before);
        Assert.Equal(72, Update(disk, At(Data), Page, data.Address, perm).Value);
        Run(disk);
        Assert.Equal(DiskRequest.Error, requests.Ask(At(Data)));
        Assert.Equal(DiskRequest.Error, requests.Ask(At(Data + Page))); // nothing is mapped there
        Assert.Equal(before, data.ToArray(0, (int)Page));
        Assert.Equal(Acknowledge | Driver | FeaturesOk | DriverOk, disk.GetStatus());
    }

    [Fact]
    public void Memory_that_only_the_device_may_write_is_written()
    {
        using DiskRequest requests = SetUp(out VdpaDevice disk);
        UserMemory data = Pages(1);
        Assert.Equal(72, Update(disk, At(Data), Page, data.Address, VhostH.VHOST_ACCESS_WO).Value);
        Run(disk);
        Assert.Equal(DiskRequest.Ok, requests.Ask(At(Data)));
    }

    [Fact]
    public void An_invalidation_is_over_when_it_returns()
    {
        using DiskRequest requests = SetUp(out VdpaDevice disk);
        UserMemory data = Pages(1);
        disk.Map(At(Data), data);
        Run(disk);
        Assert.Equal(DiskRequest.Ok, requests.Ask(At(Data)));
        disk.Unmap(At(Data + 0x10), 1); // takes the whole entry
        data.Clear();
        Assert.Equal(DiskRequest.Error, requests.Ask(At(Data)));
        disk.Map(At(Data), data);
        Assert.Equal(DiskRequest.Ok, requests.Ask(At(Data)));
    }

    /// <summary>As QEMU does after DRIVER_OK: everything is taken out and mapped again in a batch.</summary>
    [Fact]
    public void A_batch_is_one_change_to_a_running_device()
    {
        using DiskRequest requests = SetUp(out VdpaDevice disk);
        UserMemory first = Pages(1), second = Pages(1);
        disk.Map(At(Data), first);
        Run(disk);
        for (int round = 0; round < 5; round++)
        {
            second.Clear();
            disk.BeginBatch();
            disk.UnmapAll();
            Assert.Equal(DiskRequest.Ok, requests.Ask(At(Data))); // the old entries are there yet
            requests.Map();
            disk.Map(At(Data), second);
            Assert.Equal((SysResult)Errno.EFAULT, Update(disk, At(Data), Page, first.Address));
            Assert.Equal(DiskRequest.Ok, requests.Ask(At(Data)));
            Assert.Equal(0, second.Read<byte>());
            disk.EndBatch();
            Assert.Equal(DiskRequest.Ok, requests.Ask(At(Data)));
            Assert.NotEqual(0, second.Read<byte>());
            (first, second) = (second, first);
        }
    }

    /// <summary>Linux's simulators say nothing: only we can be asked.</summary>
    [Fact]
    public void A_ring_that_is_not_mapped_stops_the_device()
    {
        Target.Needs("needs-reset");
        VdpaDevice disk = OpenOwned(Disk);
        using var requests = new DiskRequest(disk, Nodes);
        using UserEvent changed = Nodes.CreateEvent();
        Negotiate(disk);
        requests.SetUp(isMapped: false);
        disk.SetConfigEvent(changed);
        Run(disk);
        requests.Post(At(Data));
        Assert.NotEqual(0ul, changed.Wait(Patience));
        Assert.Equal(0x4f, disk.GetStatus());
        disk.SetStatus(0);
        Negotiate(disk);
        requests.Map();
        Assert.Equal(Acknowledge | Driver | FeaturesOk, disk.GetStatus());
    }

    [Fact]
    public void A_suspended_device_takes_no_request_until_it_goes_on()
    {
        using DiskRequest requests = SetUp(out VdpaDevice disk);
        UserMemory data = Pages(1);
        disk.Map(At(Data), data);
        Run(disk);
        Assert.Equal(DiskRequest.Ok, requests.Ask(At(Data)));
        disk.Suspend();
        data.Clear();
        requests.Post(At(Data));
        Assert.Equal(1u, disk.GetQueue(0).GetBase());
        Assert.Equal(0, data.Read<byte>());
        disk.Resume();
        Until(() => data.Read<byte>() != 0, "an answer after the suspension");
    }

    [Fact]
    public void Entries_outlive_a_reset_and_not_the_file()
    {
        VdpaDevice disk = OpenOwned(Disk);
        UserMemory data = Pages(1);
        disk.Map(At(Data), data);
        disk.SetStatus(0);
        Fails(Errno.EFAULT, () => disk.Map(At(Data), data));
        disk.Dispose();
        disk = OpenOwned(Disk);
        disk.Map(At(Data), data);
    }

    /// <summary>A disk with features and a mapped ring, which does not run yet.</summary>
    private DiskRequest SetUp(out VdpaDevice disk)
    {
        disk = OpenOwned(Disk);
        var requests = new DiskRequest(disk, Nodes);
        Negotiate(disk);
        requests.SetUp();
        return requests;
    }
}
