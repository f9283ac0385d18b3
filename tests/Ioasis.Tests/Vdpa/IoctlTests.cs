using Ioasis.Abi;
using Ioasis.Memory;
using Ioasis.Tests.Vfio;
using static Ioasis.Abi.VhostH;

namespace Ioasis.Tests.Vdpa;

/// <summary>The ioctls of /dev/vhost-vdpa-N and the order of their errors.</summary>
public sealed class IoctlTests
{
    private const uint Unknown = 0xAFEE;

    [Fact]
    public void WhatADeviceIsNeedsNoOwner()
    {
        using var program = new VdpaProgram(isOpen: false);
        program.Open();
        Assert.Equal(1u, program.Get<uint>(VHOST_VDPA_GET_DEVICE_ID));
        Assert.Equal(TestVirtio.Features, program.Get<ulong>(VHOST_GET_FEATURES));
        Assert.Equal(0x17eul, program.Get<ulong>(VHOST_GET_BACKEND_FEATURES));
        Assert.Equal(0, program.Get<byte>(VHOST_VDPA_GET_STATUS));
        Assert.Equal(256, program.Get<ushort>(VHOST_VDPA_GET_VRING_NUM));
        Assert.Equal(24u, program.Get<uint>(VHOST_VDPA_GET_CONFIG_SIZE));
        Assert.Equal(3u, program.Get<uint>(VHOST_VDPA_GET_VQS_COUNT));
        Assert.Equal(2u, program.Get<uint>(VHOST_VDPA_GET_GROUP_NUM));
        Assert.Equal(2u, program.Get<uint>(VHOST_VDPA_GET_AS_NUM));
        Assert.Equal(new VhostVdpaIovaRange { First = 0, Last = (1ul << 48) - 1 },
            program.Get<VhostVdpaIovaRange>(VHOST_VDPA_GET_IOVA_RANGE));
        Assert.Equal(Errno.None, program.Ioctl(VHOST_VDPA_SUSPEND));
        Assert.Equal(Errno.EFAULT, program.IoctlAt(VHOST_VDPA_GET_STATUS, FakeCaller.BadAddress));
        Assert.Equal(Errno.EPERM, program.Vring(VHOST_SET_VRING_NUM, 0, 64));
        Assert.Equal(Errno.EPERM, program.Ioctl(VHOST_SET_MEM_TABLE));
        Assert.Equal(Errno.EPERM, program.Ioctl(Unknown));
        Assert.Equal(Errno.EPERM, program.Ioctl(VHOST_RESET_OWNER));
        Assert.Equal(Errno.ENOTTY, program.Ioctl(VHOST_SET_LOG_BASE));
        Assert.Equal(Errno.ENOTTY, program.Ioctl(VHOST_SET_LOG_FD));
    }

    [Fact]
    public void AProgramAtATimeHasADeviceOpen()
    {
        using var program = new VdpaProgram();
        program.Run();
        Assert.Equal(Errno.EBUSY, program.Node.Open(new FakeCarrier(), out _));
        Assert.Equal(0xf, program.Get<byte>(VHOST_VDPA_GET_STATUS));
        program.Close();
        program.Open();
        Assert.Equal(0, program.Get<byte>(VHOST_VDPA_GET_STATUS));
        Assert.Equal(Errno.None, program.Ioctl(VHOST_SET_OWNER));
    }

    [Fact]
    public void TheOwnerIsAnAddressSpace()
    {
        using var program = new VdpaProgram();
        var child = new FakeCaller();
        Assert.Equal(Errno.EBUSY, program.Ioctl(VHOST_SET_OWNER));
        Assert.Equal(Errno.EBUSY, program.Ioctl(VHOST_SET_OWNER, caller: child));
        Assert.Equal(Errno.None, program.IoctlAt(VHOST_VDPA_GET_STATUS, child.Scratch, child));
        Assert.Equal(Errno.EPERM, program.Vring(VHOST_SET_VRING_NUM, 0, 64, child));
        Assert.Equal(-(long)Errno.EFAULT, program.Send(VdpaProgram.Begin, caller: child));
    }

    [Fact]
    public void AnUnknownNumberIsOneOfAQueue()
    {
        using var program = new VdpaProgram();
        Assert.Equal(Errno.EFAULT, program.Ioctl(Unknown));
        Assert.Equal(Errno.ENOBUFS, program.Ioctl(Unknown, 99u));
        Assert.Equal(Errno.ENOTTY, program.Ioctl(Unknown, 0u));
        Assert.Equal(Errno.EFAULT, program.Ioctl(VHOST_RESET_OWNER));
        Assert.Equal(Errno.None, program.Ioctl(VHOST_SET_MEM_TABLE, 0ul));
        Assert.Equal(Errno.E2BIG, program.Ioctl(VHOST_SET_MEM_TABLE, 65ul));
        Assert.Equal(Errno.EOPNOTSUPP, program.Ioctl(VHOST_SET_MEM_TABLE, 1ul << 32));
    }

    [Fact]
    public void StatusOnlyGrowsOrIsReset()
    {
        using var program = new VdpaProgram();
        Assert.Equal(Errno.EFAULT, program.IoctlAt(VHOST_VDPA_SET_STATUS, FakeCaller.BadAddress));
        Assert.Equal(Errno.None, program.SetStatus(3));
        Assert.Equal(Errno.EINVAL, program.SetStatus(1));
        Assert.Equal(3, program.Get<byte>(VHOST_VDPA_GET_STATUS));
        Assert.Equal(Errno.None, program.SetStatus(0x83));
        Assert.Equal(Errno.None, program.SetStatus(0));
        Assert.Equal(Errno.None, program.SetStatus(8)); // without ACKNOWLEDGE and DRIVER
        Assert.Equal(Errno.None, program.SetStatus(0xc));
        Assert.Equal(0xc, program.Get<byte>(VHOST_VDPA_GET_STATUS));
    }

    [Fact]
    public void FeaturesAreTakenUntilTheyAreSettled()
    {
        using var program = new VdpaProgram();
        Assert.Equal(Errno.EINVAL, program.Ioctl(VHOST_SET_FEATURES, 0ul));
        Assert.Equal(Errno.None, program.Ioctl(VHOST_SET_FEATURES, 1ul << 33 | 1ul << 34 | 1ul << 60));
        Assert.Equal(Errno.EFAULT, program.Ioctl(VHOST_SET_FEATURES));
        Assert.Equal(Errno.None, program.SetStatus(0xb));
        Assert.Equal(Errno.EBUSY, program.Ioctl(VHOST_SET_FEATURES));
        Assert.Equal(1ul << 33, program.Device.Slot.DriverFeatures);
    }

    [Theory]
    [InlineData(ulong.MaxValue, Errno.EOPNOTSUPP)]
    [InlineData(1ul, Errno.EOPNOTSUPP)]
    [InlineData(1ul << 9, Errno.EOPNOTSUPP)]
    [InlineData(1ul << 7, Errno.EINVAL)]
    [InlineData(1ul << 7 | 1ul << 3, Errno.EOPNOTSUPP)]
    [InlineData(0x1eul, Errno.None)]
    [InlineData(0ul, Errno.None)]
    public void BackendFeaturesAreJudged(ulong features, Errno errno)
    {
        using var program = new VdpaProgram();
        Assert.Equal(errno, program.Ioctl(VHOST_SET_BACKEND_FEATURES, features));
        Assert.Equal(Errno.EFAULT, program.Ioctl(VHOST_SET_BACKEND_FEATURES));
    }

    [Theory]
    [InlineData(0, 0, Errno.EINVAL)]
    [InlineData(0, 6, Errno.None)]
    [InlineData(0, 24, Errno.None)]
    [InlineData(0, 25, Errno.EINVAL)]
    [InlineData(24, 1, Errno.EINVAL)]
    [InlineData(5000, 1, Errno.EINVAL)]
    [InlineData(uint.MaxValue, 2, Errno.EINVAL)]
    public void ConfigIsAccessedWithinItsSize(uint offset, uint length, Errno errno)
    {
        using var program = new VdpaProgram();
        var place = new VhostVdpaConfig { Off = offset, Len = length };
        Assert.Equal(errno, program.Ioctl(VHOST_VDPA_GET_CONFIG, place));
        program.Caller.Put(program.Caller.Scratch + 8, new byte[] { 1, 2, 3, 4, 5, 6 });
        Assert.Equal(errno, program.Ioctl(VHOST_VDPA_SET_CONFIG, place));
        if (errno != Errno.None) return;
        program.Caller.Put(program.Caller.Scratch + 8, 0ul);
        Assert.Equal(Errno.None, program.Ioctl(VHOST_VDPA_GET_CONFIG, place));
        Assert.Equal([1, 2, 3, 4, 5, 6], program.Caller.Get(program.Caller.Scratch + 8, 6));
    }

    [Fact]
    public void AQueuesSizeIsJudgedInLinuxsOrder()
    {
        using var program = new VdpaProgram();
        Assert.Equal(Errno.EFAULT, program.Ioctl(VHOST_SET_VRING_NUM));
        Assert.Equal(Errno.ENOBUFS, program.Vring(VHOST_SET_VRING_NUM, 3, 0));
        foreach (uint wrong in (uint[])[0, 3, 512, 0x10000, uint.MaxValue])
            Assert.Equal(Errno.EINVAL, program.Vring(VHOST_SET_VRING_NUM, 0, wrong));
        Assert.Equal(Errno.None, program.Vring(VHOST_SET_VRING_NUM, 0, 64));
        Assert.Equal(256u, program.GetVring(VHOST_VDPA_GET_VRING_SIZE, 0));
        program.Run();
        Assert.Equal(64u, program.GetVring(VHOST_VDPA_GET_VRING_SIZE, 0));
        Assert.Equal(Errno.None, program.Vring(VHOST_SET_VRING_NUM, 0, 32));
    }

    [Fact]
    public void AQueuesAddressesAreJudgedInLinuxsOrder()
    {
        using var program = new VdpaProgram();
        Assert.Equal(Errno.EFAULT, program.Ioctl(VHOST_SET_VRING_ADDR));
        Assert.Equal(Errno.ENOBUFS, Set(new VhostVringAddr { Index = 9, Flags = 2 }));
        Assert.Equal(Errno.EOPNOTSUPP, Set(new VhostVringAddr { Flags = 2, AvailUserAddr = 1 }));
        Assert.Equal(Errno.EINVAL, Set(new VhostVringAddr { AvailUserAddr = 0x11 }));
        Assert.Equal(Errno.EINVAL, Set(new VhostVringAddr { UsedUserAddr = 0x12 }));
        Assert.Equal(Errno.EINVAL, Set(new VhostVringAddr { LogGuestAddr = 0x12 }));
        Assert.Equal(Errno.None, Set(new VhostVringAddr { DescUserAddr = 0x11, Flags = 1 }));
        ulong lastBytes = program.Caller.ScratchEnd - 8;
        program.Caller.Put(lastBytes, 0ul);
        Assert.Equal(Errno.EFAULT, program.IoctlAt(VHOST_SET_VRING_ADDR, lastBytes));
        program.Caller.Put(lastBytes, 9ul);
        Assert.Equal(Errno.ENOBUFS, program.IoctlAt(VHOST_SET_VRING_ADDR, lastBytes));
        program.Run();
        Assert.Equal(Errno.EINVAL, Set(default));
        Assert.Equal(Errno.None, program.Ioctl(VHOST_VDPA_SUSPEND));
        Assert.Equal(Errno.None, program.Ioctl(VHOST_VDPA_SUSPEND));
        Assert.Equal(Errno.None, Set(default));
        Assert.Equal(Errno.None, program.Ioctl(VHOST_VDPA_RESUME));
        Assert.Equal(Errno.EINVAL, Set(default));

        Errno Set(VhostVringAddr addresses) => program.Ioctl(VHOST_SET_VRING_ADDR, addresses);
    }

    [Fact]
    public void AQueuesBaseIsKept()
    {
        using var program = new VdpaProgram();
        Assert.Equal(Errno.EINVAL, program.Vring(VHOST_SET_VRING_BASE, 0, 0x10000));
        Assert.Equal(Errno.ENOBUFS, program.Vring(VHOST_SET_VRING_BASE, 9, 0x10000));
        Assert.Equal(Errno.None, program.Vring(VHOST_SET_VRING_BASE, 0, 5));
        Assert.Equal(5u, program.GetVring(VHOST_GET_VRING_BASE, 0));
        program.Run();
        Assert.Equal(Errno.EINVAL, program.Vring(VHOST_SET_VRING_BASE, 0, 7));
        Assert.Equal(5u, program.GetVring(VHOST_GET_VRING_BASE, 0));
        Assert.Equal(Errno.None, program.Ioctl(VHOST_VDPA_SUSPEND));
        Assert.Equal(Errno.None, program.Vring(VHOST_SET_VRING_BASE, 0, 9));
        Assert.Equal(9u, program.GetVring(VHOST_GET_VRING_BASE, 0));
        Assert.Equal(Errno.None, program.SetStatus(0));
        Assert.Equal(0u, program.GetVring(VHOST_GET_VRING_BASE, 0));
    }

    [Fact]
    public void GroupsAndAddressSpaces()
    {
        using var program = new VdpaProgram();
        Assert.Equal([0u, 0u, 1u], Enumerable.Range(0, 3).Select(
            queue => program.GetVring(VHOST_VDPA_GET_VRING_GROUP, (uint)queue)));
        Assert.Equal(Errno.EOPNOTSUPP, program.Vring(VHOST_VDPA_GET_VRING_DESC_GROUP, 0, 0));
        Assert.Equal(Errno.None, program.Vring(VHOST_VDPA_SET_GROUP_ASID, 1, 1));
        Assert.Equal(Errno.EINVAL, program.Vring(VHOST_VDPA_SET_GROUP_ASID, 2, 0)); // no group, but a queue
        Assert.Equal(Errno.ENOBUFS, program.Vring(VHOST_VDPA_SET_GROUP_ASID, 3, 0));
        Assert.Equal(Errno.EINVAL, program.Vring(VHOST_VDPA_SET_GROUP_ASID, 0, 2));
        program.Run();
        Assert.Equal(Errno.EBUSY, program.Vring(VHOST_VDPA_SET_GROUP_ASID, 0, 0));
        Assert.Equal(Errno.EINVAL, program.Vring(VHOST_VDPA_SET_GROUP_ASID, 0, 5));
    }

    [Fact]
    public void ValuesAreStoredForTheProgram()
    {
        using var program = new VdpaProgram();
        Assert.Equal(0u, program.GetVring(VHOST_GET_VRING_BUSYLOOP_TIMEOUT, 1));
        Assert.Equal(Errno.None, program.Vring(VHOST_SET_VRING_BUSYLOOP_TIMEOUT, 1, 50));
        Assert.Equal(50u, program.GetVring(VHOST_GET_VRING_BUSYLOOP_TIMEOUT, 1));
        Assert.Equal(VHOST_FORK_OWNER_TASK, program.Get<byte>(VHOST_GET_FORK_FROM_OWNER));
        Assert.Equal(Errno.EBUSY, program.Ioctl(VHOST_SET_FORK_FROM_OWNER, VHOST_FORK_OWNER_KTHREAD));
    }

    [Fact]
    public void DoorbellsAreRefusedInLinuxsOrder()
    {
        using var program = new VdpaProgram();
        Assert.Equal(Errno.EINVAL, Map(2 * VdpaProgram.Page, shared: true, readable: false));
        Assert.Equal(Errno.EINVAL, Map(VdpaProgram.Page, shared: false, readable: false));
        Assert.Equal(Errno.EINVAL, Map(VdpaProgram.Page, shared: true, readable: true));
        Assert.Equal(524, (int)Map(VdpaProgram.Page, shared: true, readable: false));

        Errno Map(ulong length, bool shared, bool readable) =>
            program.File.Map(0, length, shared, readable, writable: true, executable: false);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AStoreToADoorbellNotifiesItsQueue(bool withData)
    {
        using var program = new VdpaProgram(doorbells: true);
        Assert.Equal(TestVirtio.Features | 1ul << 38, program.Get<ulong>(VHOST_GET_FEATURES));
        Assert.Equal(Errno.EINVAL, Map(3));
        Assert.Equal(Errno.None, Map(2));
        Assert.Equal(Errno.None, Map(0));
        Assert.Equal(Errno.None, program.Vring(VHOST_VDPA_SET_VRING_ENABLE, 2, 1));
        program.Run();
        Until.True(() => program.Model.Served > 0 || program.Device.Slot.HasFailed);
        SharedBytes page = program.Carrier.Map(2 * VdpaProgram.Page, VdpaProgram.Page);
        if (withData) page.Write(0, 0x00070002u);
        else page.Write(0, (ushort)2);
        Until.True(() => page.Read<uint>(0) == uint.MaxValue); // it was seen
        program.Close();
        page.Write(0, (ushort)2);

        Errno Map(ulong queue) => program.File.Map(queue * VdpaProgram.Page, VdpaProgram.Page, shared: true,
            readable: false, writable: true, executable: false);
    }
}
