using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Devices;
using Ioasis.Memory;

namespace Ioasis.Tests.Devices.Mdev;

/// <summary>The type dmatest-1ch: channels of one device as parts of it, each with a PASID.</summary>
public sealed class DmaTestSubdeviceTests : IDisposable
{
    private const uint Start = 1, ToDevice = 3, UsePri = 2;
    private const uint Idle = 0, Done = 1, Fault = 2, BadPasid = 4, Lent = 5;
    private const ulong At = 0x10000;
    private readonly DmaTestDevice _device = new(mdevs: 4);
    private readonly SlotBench _parent;
    private readonly MdevType _type;
    private readonly List<SlotBench> _parts = [];

    public DmaTestSubdeviceTests()
    {
        _parent = new SlotBench(_device);
        _type = Assert.Single(_device.MdevTypes);
    }

    public void Dispose()
    {
        foreach (SlotBench part in _parts) part.Dispose();
        _parent.Dispose();
    }

    [Fact]
    public void EachChannelIsOneMdevs()
    {
        Assert.Equal(("1ch", "vfio-pci", (int?)4), (_type.Name, _type.DeviceApi, _type.Available));
        Assert.Same(_device.MdevTypes, _device.MdevTypes);
        Ioasis.Devices.Mdev[] mdevs = [.. Enumerable.Range(0, 4).Select(_ => Create())];
        Assert.Equal(0, _type.Available);
        Assert.Equal(MdevStatus.NoneLeft, _type.Create(Guid.NewGuid(), out Ioasis.Devices.Mdev? none));
        Assert.Null(none);
        mdevs[2].Remove();
        Assert.Equal(1, _type.Available);
        Create();
        Assert.Equal(0, _type.Available);
    }

    [Fact]
    public void OnlyTheHighestChannelsAreForMdevsIfTheDescriptionSaysSo()
    {
        Assert.Empty(new DmaTestDevice(1).MdevTypes);
        Assert.Empty(((IMdevParent)new DmaTestDevice(1, mdevs: 4).CreateVirtualFunction()).MdevTypes);
        Assert.Throws<ArgumentOutOfRangeException>(() => new DmaTestDevice(mdevs: 5));
        var device = new DmaTestDevice(mdevs: 1);
        using var parent = new SlotBench(device);
        parent.Map(At, 0x1000, 0x33);
        Assert.Equal(1, device.MdevTypes[0].Available);
        Assert.Equal(MdevStatus.Ok, device.MdevTypes[0].Create(Guid.NewGuid(), out _));
        Assert.Equal(MdevStatus.NoneLeft, device.MdevTypes[0].Create(Guid.NewGuid(), out _));
        Assert.Equal((Lent, 0u), Run(parent, ToDevice, channel: 3));
        Assert.Equal((Done, 0u), Run(parent, ToDevice, channel: 2));
    }

    /// <summary>Its program can have PASIDs of its own, as the program of a function can.</summary>
    [Fact]
    public void ItIsAFunctionOfOneChannel()
    {
        PciFunction function = ((PciMdev)Create()).Model.Function;
        Assert.Equal((0x1234, 0x11eb), (function.VendorId, function.DeviceId));
        Assert.Equal((20, true, 32), (function.PasidBits, function.HasAts, function.PageRequests));
        Assert.True(function.PasidExecute && function.PasidPrivileged && !function.IsVirtual);
        Assert.Null(function.Sriov);
        Assert.All(function.Bars[0].Registers, register => Assert.True(register.Offset < 0x100));
    }

    [Fact]
    public void ItReachesWhatItsPASIDReaches()
    {
        SlotBench one = Plug(1), two = Plug(2);
        (_, HostBlock mine) = one.Map(At, 0x1000, 0x11);
        (_, HostBlock other) = two.Map(At, 0x1000, 0x22);
        (_, HostBlock parents) = _parent.Map(At, 0x1000, 0x33);
        Assert.Equal((Done, 0u), Run(one, ToDevice));
        Assert.Equal((Done, 0u), Run(two, ToDevice));
        Assert.Equal((0x11ul, 0x22ul), (one.Slot.Read(2, 0, 1), two.Slot.Read(2, 0, 1)));
        Assert.Equal(0ul, _parent.Slot.Read(2, 0, 1));
        one.Slot.Write(2, 0, 8, 0x4444444444444444);
        Assert.Equal((Done, 0u), Run(one, Start));
        Assert.Equal((0x44, 0x22, 0x33), (mine.Read<byte>(0), other.Read<byte>(0), parents.Read<byte>(0)));
        one.Endpoint.Attach(new Pasid(1), null);
        Assert.Equal((Fault, (uint)FaultReason.NotAttached), Run(one, ToDevice));
        Assert.Equal((Done, 0u), Run(two, ToDevice));
        Assert.Equal((Done, 0u), Run(_parent, ToDevice));
    }

    /// <summary>Whatever PASID a command names, it is none of another part's, and not the hidden one.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ACommandNamesNoPASIDThatItsProgramDoesNotHave(bool hasPasids)
    {
        SlotBench one = Plug(1, hasPasids ? new EndpointFeatures { PasidBits = 20 } : null), two = Plug(2);
        (_, HostBlock other) = two.Map(At, 0x1000, 0x22);
        foreach (uint pasid in (uint[])[0, 1, 2, 0xfffff])
        {
            one.Slot.Write(0, 0x2c, 4, pasid | 1u << 31);
            Assert.Equal(hasPasids ? (Fault, (uint)FaultReason.NotAttached) : (BadPasid, 0u), Run(one, Start));
        }

        Assert.Equal(0x22, other.Read<byte>(0));
        one.Slot.Write(0, 0x2c, 4, 2); // without the bit that it is one
        Assert.Equal((Fault, (uint)FaultReason.NotMapped), Run(one, Start));
    }

    [Fact]
    public void TheDevicesOwnDriverCannotUseAChannelThatAnMdevHas()
    {
        _parent.Map(At, 0x1000, 0x33);
        Ioasis.Devices.Mdev mdev = Create();
        Assert.Equal((Lent, 0u), Run(_parent, ToDevice, channel: 3));
        Assert.Equal(0ul, _parent.Slot.Read(0, 0x320, 8)); // no command has ended
        Assert.Equal((Done, 0u), Run(_parent, ToDevice, channel: 2));
        _parent.Slot.Reset();
        Assert.Equal((Lent, 0u), Run(_parent, ToDevice, channel: 3));
        mdev.Remove();
        Assert.Equal((Done, 0u), Run(_parent, ToDevice, channel: 3));
    }

    [Fact]
    public void AChannelAtWorkIsNotTaken()
    {
        for (ulong channel = 0; channel < 4; channel++)
        {
            _parent.Slot.Write(0, (channel * 0x100) + 0x28, 4, 60_000_000);
            _parent.Slot.Write(0, (channel * 0x100) + 0x08, 4, ToDevice);
        }

        Assert.Equal(MdevStatus.Busy, _type.Create(Guid.NewGuid(), out Ioasis.Devices.Mdev? none));
        Assert.Null(none);
        Assert.Equal(4, _type.Available);
        _parent.Slot.Reset();
        Create();
    }

    /// <summary>Another part of the device goes on where one is reset or faults; so does the device itself.</summary>
    [Fact]
    public void AResetOrAFaultOfOneIsNoOthers()
    {
        SlotBench one = Plug(1), two = Plug(2);
        foreach (SlotBench each in (SlotBench[])[two, _parent])
        {
            each.Map(At, 0x1000, 0x55);
            each.Slot.Write(0, 0x28, 4, 1000); // 64 pieces with a millisecond between
            each.Slot.Write(0, 0x00, 8, At);
            each.Slot.Write(0, 0x08, 4, ToDevice);
        }

        Assert.Equal((Fault, (uint)FaultReason.NotMapped), Run(one, ToDevice));
        one.Slot.Write(0, 0x28, 4, 60_000_000);
        one.Slot.Write(0, 0x08, 4, ToDevice);
        one.Slot.Reset();
        Assert.Equal((Idle, 0ul), ((uint)one.Slot.Read(0, 0x14, 4), one.Slot.Read(0, 0x20, 8)));
        foreach (SlotBench each in (SlotBench[])[two, _parent])
        {
            SlotBench.Until(() => (each.Slot.Read(0, 0x08, 4) & 1) == 0);
            Assert.Equal((Done, 1ul), ((uint)each.Slot.Read(0, 0x14, 4), each.Slot.Read(0, 0x20, 8)));
            Assert.Equal(0x55ul, each.Slot.Read(2, 0xfff, 1));
        }
    }

    [Fact]
    public void TheParentsBusMasterOffStopsAll()
    {
        SlotBench one = Plug(1), two = Plug(2);
        foreach (SlotBench each in (SlotBench[])[one, two]) each.Map(At, 0x1000, 0x55);
        _parent.Endpoint.Block = SendBlock.BusMasterDisabled;
        foreach (SlotBench each in (SlotBench[])[one, two])
            Assert.Equal((Fault, (uint)FaultReason.BusMasterDisabled), Run(each, ToDevice));
        _parent.Endpoint.Block = null;
        foreach (SlotBench each in (SlotBench[])[one, two]) Assert.Equal((Done, 0u), Run(each, ToDevice));
    }

    [Fact]
    public void ThePartsOwnBusMasterStopsItAlone()
    {
        SlotBench one = Plug(1), two = Plug(2);
        foreach (SlotBench each in (SlotBench[])[one, two]) each.Map(At, 0x1000, 0x55);
        Assert.Equal((Done, 0u), Run(one, ToDevice)); // what it keeps of the translation is of no use afterwards
        one.Part!.Block = SendBlock.BusMasterDisabled;
        Assert.Equal((false, true, true), (one.Part.CanSend, two.Part!.CanSend, _parent.Endpoint.CanSend));
        Assert.Equal((Fault, (uint)FaultReason.BusMasterDisabled), Run(one, ToDevice));
        Assert.Equal((Done, 0u), Run(two, ToDevice));
        one.Part.Block = null;
        Assert.Equal((Done, 0u), Run(one, ToDevice));
        _parent.Endpoint.Block = SendBlock.BusMasterDisabled;
        Assert.Equal((false, false), (one.Part.CanSend, two.Part.CanSend));
        one.Part.Block = SendBlock.BusMasterDisabled; // and one of both is enough
        _parent.Endpoint.Block = null;
        Assert.Equal((Fault, (uint)FaultReason.BusMasterDisabled), Run(one, ToDevice));
        Assert.Equal((Done, 0u), Run(two, ToDevice));
    }

    [Fact]
    public void AModelThatThrowsStopsItsPartAlone()
    {
        SlotBench two = Plug(2);
        two.Map(At, 0x1000, 0x55);
        ThrowingModel.Place[] places = [ThrowingModel.Place.Ring, ThrowingModel.Place.Answer];
        foreach (ThrowingModel.Place place in places)
        {
            var model = new ThrowingModel { Throws = place };
            using var broken = new SlotBench(model, _parent, new Pasid(10 + (uint)place));
            if (place == ThrowingModel.Place.Answer) Assert.True(model.Ask(new Iova(0x5000))); // refused at once
            else broken.Slot.Write(0, ThrowingModel.Bell.Offset, 4, 1);

            Assert.Equal((true, 1), (broken.Slot.HasFailed, broken.Failures));
            Assert.Equal((false, true), (broken.Part!.CanSend, two.Part!.CanSend));
            Assert.Equal((false, false, 0), (_parent.Slot.HasFailed, two.Slot.HasFailed, _parent.Failures));
            Assert.Equal((Done, 0u), Run(two, ToDevice));
            model.Throws = ThrowingModel.Place.None;
        }
    }

    [Fact]
    public void AModelChoosesNoPASID()
    {
        SlotBench one = Plug(1);
        Assert.Throws<ArgumentException>(() => one.Slot.OpenDmaPort(0, new Pasid(2)));
        using DmaPort port = one.Slot.OpenDmaPort();
        Assert.Equal((new Pasid(1), 0), (port.DefaultPasid, port.PasidBits));
    }

    [Fact]
    public void APageRequestThatNobodyAnswersEndsTheCommand()
    {
        SlotBench one = Plug(1);
        one.Slot.Write(0, 0x30, 4, UsePri);
        Assert.Equal((Fault, (uint)FaultReason.NotMapped), Run(one, ToDevice));
        Assert.Equal(0, _parent.Endpoint.OutstandingPageRequests);
    }

    /// <summary>
    /// One owner's mappings come and go while the other's part does a million accesses. When an unmap has returned, no
    /// access of the first part reaches the memory; all of the second's do what they should, and where they should.
    /// </summary>
    [Fact]
    public void UnmapsOfOneOwnerMeetAMillionAccessesOfAnother()
    {
        const uint piece = 4, rounds = 1000;
        SlotBench one = Plug(1), two = Plug(2);
        (_, HostBlock target) = two.Map(At, 0x1000, 0);
        (_, HostBlock bystander) = _parent.Map(At, 0x1000, 0x33);
        for (ulong at = 0; at < 0x1000; at += 8)
        {
            one.Slot.Write(2, at, 8, 0x1111111111111111);
            two.Slot.Write(2, at, 8, 0x2222222222222222);
        }

        foreach (SlotBench each in (SlotBench[])[one, two]) each.Slot.Write(0, 0x44, 4, piece);
        Begin(two, rounds);
        int unmaps = 0, refused = 0;
        while ((two.Slot.Read(0, 0x08, 4) & 1) != 0)
        {
            (IovaRange range, HostBlock block) = one.Map(At, 0x1000, 0);
            Begin(one, rounds);
            SlotBench.Until(() => block.Read<byte>(0) == 0x11);
            one.Domain.Mappings.Unmap(range);
            block.CopyFrom(0, new byte[0x1000]);
            SlotBench.Until(() => (one.Slot.Read(0, 0x08, 4) & 1) == 0);
            var after = new byte[0x1000];
            block.CopyTo(0, after);
            Assert.DoesNotContain(after, b => b != 0); // none late
            if (one.Slot.Read(0, 0x14, 4) == Fault) refused++;
            unmaps++;
        }

        Assert.Equal((Done, (ulong)(rounds + 1) * (0x1000 / piece)),
            ((uint)two.Slot.Read(0, 0x14, 4), two.Slot.Read(0, 0x68, 8)));
        Assert.True(unmaps > 0);
        Assert.Equal(unmaps, refused); // each met accesses under way
        var bytes = new byte[0x1000];
        target.CopyTo(0, bytes);
        Assert.All(bytes, b => Assert.Equal(0x22, b));
        bystander.CopyTo(0, bytes);
        Assert.All(bytes, b => Assert.Equal(0x33, b)); // none astray
    }

    private Ioasis.Devices.Mdev Create()
    {
        Assert.Equal(MdevStatus.Ok, _type.Create(Guid.NewGuid(), out Ioasis.Devices.Mdev? mdev));
        return mdev!;
    }

    private SlotBench Plug(uint pasid, EndpointFeatures? features = null)
    {
        var part = new SlotBench(((PciMdev)Create()).Model, _parent, new Pasid(pasid), features);
        _parts.Add(part);
        return part;
    }

    /// <summary>Starts writing the buffer to memory again and again.</summary>
    private static void Begin(SlotBench bench, uint rounds)
    {
        bench.Slot.Write(0, 0x00, 8, At);
        bench.Slot.Write(0, 0x70, 4, rounds);
        bench.Slot.Write(0, 0x08, 4, Start);
    }

    /// <summary>Status and fault reason of a command on all of the buffer.</summary>
    private static (uint Status, uint Reason) Run(SlotBench bench, uint command, ulong channel = 0)
    {
        ulong at = channel * 0x100;
        bench.Slot.Write(0, at, 8, At);
        bench.Slot.Write(0, at + 0x08, 4, command);
        SlotBench.Until(() => (bench.Slot.Read(0, at + 0x08, 4) & 1) == 0);
        return ((uint)bench.Slot.Read(0, at + 0x14, 4), (uint)bench.Slot.Read(0, at + 0x18, 4));
    }
}
