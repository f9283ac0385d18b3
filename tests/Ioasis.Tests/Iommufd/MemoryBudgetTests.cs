using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Units;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Tests.Vfio;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Iommufd;

/// <summary>What a program makes us hold: no more than its share, ENOMEM beyond that, and all given back.</summary>
public sealed class MemoryBudgetTests
{
    private const ulong Page = 4096;
    private const long Share = 1 << 20;
    private readonly TestMachine _machine = new();
    private readonly HostBlock _block;

    public MemoryBudgetTests()
    {
        _block = _machine.Program.Own.Allocate(Page);
        Memory.Limit = Share;
    }

    private MemoryShare Memory => _machine.Program.TestPins.Memory;

    private ulong Address => (ulong)_block.Address;

    [Fact]
    public void AnIoasMoreThanTheShareHasRoomForIsRefused()
    {
        List<uint> all = Ioases();
        Assert.InRange(all.Count, 100, 2000);
        Assert.True(Memory.Held <= Share);
        Assert.Equal(Errno.ENOMEM, NewIoas(out _));
        Assert.Equal(all.Count, _machine.Context.Objects.Count);
        Assert.Equal(Errno.None, _machine.Destroy(all[0]));
        Assert.Equal(Errno.None, NewIoas(out uint again));
        Assert.Equal(all[0], again);
        _machine.Context.Close();
        Assert.Equal((0L, 0L), (Memory.Held, _machine.Program.UserPins.Memory.Held));
    }

    /// <summary>A mapping's place in the tree; with a device, tables of their own for far ones.</summary>
    [Theory]
    [InlineData(false, Page)]
    [InlineData(true, Page)]
    [InlineData(true, 1UL << 30)]
    public void AMappingMoreThanTheShareHasRoomForIsRefused(bool hasDevice, ulong distance)
    {
        uint ioas = _machine.NewIoas();
        IommufdDevice device = _machine.Bind();
        if (hasDevice) Attach(device, ioas);
        ulong count = Maps(ioas, distance);
        Assert.InRange(count, 30UL, 40_000UL);
        Assert.True(Memory.Held <= Share);
        ulong pinned = _machine.Program.Pins.Pinned;
        Assert.Equal(hasDevice ? count : 0, pinned);
        Assert.Equal(Errno.ENOMEM, _machine.Map(ioas, Iova(count, distance), Address, Page));
        Assert.Equal(pinned, _machine.Program.Pins.Pinned);

        // Another program has a share of its own.
        var other = new TestMachine();
        HostBlock block = other.Program.Own.Allocate(Page);
        Assert.Equal(Errno.None, other.Map(other.NewIoas(), 0x10000, (ulong)block.Address, Page));

        // All that goes comes back.
        ulong all = ulong.MaxValue;
        Assert.Equal(Errno.None, _machine.Unmap(ioas, 0, ref all));
        Assert.Equal(count * Page, all);
        Assert.True(Memory.Held < Share / 2);
        Assert.Equal(count, Maps(ioas, distance));
        for (ulong n = 0; n < count; n++)
        {
            ulong length = Page;
            Assert.Equal(Errno.None, _machine.Unmap(ioas, Iova(n, distance), ref length));
        }

        Assert.Equal(0UL, _machine.Program.Pins.Pinned);
        if (hasDevice) device.Detach(null);
        device.Unbind();
        _machine.Context.Close();
        Assert.Equal((0L, 0L), (Memory.Held, _machine.Program.UserPins.Memory.Held));
    }

    [Fact]
    public void ATableThatThereIsNoRoomForIsNotAttachedTo()
    {
        const ulong far = 1UL << 30;
        uint ioas = _machine.NewIoas();
        Maps(ioas, far, most: 1000);
        IommufdDevice device = _machine.Bind();
        long held = Memory.Held;
        int objects = _machine.Context.Objects.Count;
        uint id = ioas;
        Assert.Equal(Errno.ENOMEM, device.Attach(null, ref id));
        Assert.Null(device.Endpoint.Attached);
        Assert.Equal(objects, _machine.Context.Objects.Count);
        Assert.Equal(0UL, _machine.Program.Pins.Pinned);
        Assert.InRange(Memory.Held, 0, Share);

        Memory.Limit = 100 * Share;
        id = ioas;
        Assert.Equal(Errno.None, device.Attach(null, ref id));
        Assert.Equal(1000UL, _machine.Program.Pins.Pinned);
        device.Detach(null);
        Assert.InRange(Memory.Held, 0, held + (held / 2));
    }

    [Fact]
    public void RangesMoreThanTheShareHasRoomForAreNotAllowed()
    {
        const uint many = 100_000;
        uint ioas = _machine.NewIoas();
        var ranges = new IommuIovaRange[many];
        for (int i = 0; i < many; i++)
            ranges[i] = new IommuIovaRange { Start = (ulong)i << 20, Last = ((ulong)i << 20) + 0xfff };
        HostBlock array = _machine.Program.Own.Allocate(((ulong)many * 16) + Page);
        array.CopyFrom(0, MemoryMarshal.AsBytes<IommuIovaRange>(ranges));
        var args = new IommuIoasAllowIovas
        {
            Size = TestMachine.Length<IommuIoasAllowIovas>(),
            IoasId = ioas,
            NumIovas = many,
            AllowedIovas = (ulong)array.Address,
        };
        long before = Memory.Held;
        Assert.Equal(Errno.ENOMEM, _machine.Call(IOMMU_IOAS_ALLOW_IOVAS, ref args));
        Assert.Equal(before, Memory.Held);
        args.NumIovas = 1000;
        Assert.Equal(Errno.None, _machine.Call(IOMMU_IOAS_ALLOW_IOVAS, ref args));
        Assert.InRange(Memory.Held, before + 1000, Share);
    }

    [Fact]
    public void FilesOfOneProcessHaveOneShareAndProcessesOfOneUserToo()
    {
        var second = new IommufdContext(new FakeCarrier());
        int alone = Ioases().Count;
        var args = new IommuIoasAlloc { Size = 12 };
        Assert.Equal(Errno.ENOMEM, _machine.Program.Call(second, IOMMU_IOAS_ALLOC, ref args));

        // A second process of the user's, until the user has its share.
        _machine.Program.UserPins.Memory.Limit = Memory.Held + (Share / 2);
        var child = new TestCaller { UserPins = _machine.Program.UserPins };
        var third = new IommufdContext(new FakeCarrier());
        int more = 0;
        while (child.Call(third, IOMMU_IOAS_ALLOC, ref args) == Errno.None) more++;
        Assert.InRange(more, alone / 3, alone);
        Assert.True(_machine.Program.UserPins.Memory.Held <= _machine.Program.UserPins.Memory.Limit);
        var stranger = new TestMachine();
        stranger.NewIoas();

        // Whoever called a file first is charged for it to its end.
        _machine.Context.Close();
        Assert.Equal(Errno.None, child.Call(second, IOMMU_IOAS_ALLOC, ref args));
        Assert.NotEqual(0, Memory.Held);
        second.Close();
        third.Close();
        Assert.Equal((0L, 0L, 0L), (Memory.Held, child.TestPins.Memory.Held, child.UserPins.Memory.Held));
    }

    [Fact]
    public void EventsThatThereIsNoRoomForAreLost()
    {
        const uint type = 7;
        IommufdDevice device = _machine.Bind();
        var hwpt = new IommuHwptAlloc
        {
            Size = TestMachine.Length<IommuHwptAlloc>(),
            DevId = device.Id,
            PtId = _machine.NewIoas(),
            Flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
        };
        Assert.Equal(Errno.None, _machine.Call(IOMMU_HWPT_ALLOC, ref hwpt));
        Assert.Equal(Errno.None,
            _machine.Context.Objects.TryGet(hwpt.OutHwptId, out ObjectTable.Held<HwptPaging> parent));
        using ObjectTable.Held<HwptPaging> held = parent;
        var viommu = new IommufdViommu(_machine.Context, _machine.Unit, parent.Value);
        viommu.DriverOrNull = new PlainViommu(viommu, parent.Value.PagingDomain);
        using (ObjectTable.Pending<IommufdViommu> pending = _machine.Context.Objects.Reserve(viommu)) pending.Commit();
        var events = new IommuVeventqAlloc
        {
            Size = TestMachine.Length<IommuVeventqAlloc>(),
            ViommuId = viommu.Id,
            Type = type,
            VeventqDepth = VeventQueue.MaxDepth,
        };
        Assert.Equal(Errno.None, _machine.Call(IOMMU_VEVENTQ_ALLOC, ref events));
        long before = Memory.Held;
        for (int i = 0; i < 10_000; i++) Assert.Equal(IommuStatus.Ok, viommu.Report(type, new byte[32]));
        Assert.InRange(Memory.Held, before, Share);
        Assert.Equal(Errno.None,
            _machine.Context.Objects.TryGet(events.OutVeventqId, out ObjectTable.Held<VeventQueue> found));
        int read = 0;
        using (found)
        {
            Span<byte> record = stackalloc byte[64];
            while (found.Value.TryTake(record, inTransit: false) > 16) read++;
        }

        Assert.InRange(read, 1000, 9000);
        Assert.Equal(before, Memory.Held);
    }

    private List<uint> Ioases()
    {
        List<uint> all = [];
        while (NewIoas(out uint id) == Errno.None) all.Add(id);
        return all;
    }

    private Errno NewIoas(out uint id)
    {
        var args = new IommuIoasAlloc { Size = 12 };
        Errno errno = _machine.Call(IOMMU_IOAS_ALLOC, ref args);
        id = args.OutIoasId;
        return errno;
    }

    private static void Attach(IommufdDevice device, uint ioas) =>
        Assert.Equal(Errno.None, device.Attach(null, ref ioas));

    private static ulong Iova(ulong n, ulong distance) => (1UL << 32) + (n * distance);

    /// <summary>Maps the page again and again, until that is refused.</summary>
    private ulong Maps(uint ioas, ulong distance, ulong most = ulong.MaxValue)
    {
        ulong count = 0;
        Errno errno = Errno.None;
        while (count < most && (errno = _machine.Map(ioas, Iova(count, distance), Address, Page)) == Errno.None)
            count++;
        Assert.True(errno is Errno.None or Errno.ENOMEM);
        return count;
    }

    private sealed class PlainViommu(IViommuHost host, PagingDomain parent) : Viommu(host, parent);
}
