using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Pasids;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Tests.Iommufd;

namespace Ioasis.Tests.Core;

/// <summary>
/// Whose a device's DMA is: an attachment is its maker's, and a group a program's or our drivers', never both.
/// </summary>
public sealed class OwnershipTests
{
    private readonly DmaBench _bench = new();
    private readonly TestMachine _machine = new();

    [Theory]
    [InlineData(null)]
    [InlineData(7u)]
    public void OnlyWhoHasTheAttachmentChangesIt(uint? number)
    {
        Pasid? pasid = number is { } value ? new Pasid(value) : null;
        Endpoint endpoint = _bench.NewEndpoint();
        PagingDomain mine = _bench.NewDomain(), theirs = _bench.NewDomain();
        Assert.Equal(IommuStatus.Ok, endpoint.Attach(pasid, mine, null, out Attachment? first));
        Assert.Equal(IommuStatus.Busy, endpoint.Attach(pasid, theirs, null, out _));
        Assert.Equal(IommuStatus.Busy, endpoint.Attach(pasid, mine, null, out _));
        Assert.Equal(IommuStatus.Ok, endpoint.Replace(first!, theirs, null, out Attachment? second));

        // What came to its end is of no use any more, even where the same table is attached again.
        Assert.Equal(IommuStatus.Ok, endpoint.Replace(second!, mine, null, out Attachment? third));
        Assert.Equal(IommuStatus.Busy, endpoint.Replace(first!, theirs, null, out _));
        Assert.False(endpoint.Detach(first!));
        Assert.False(endpoint.Detach(second!));
        Assert.Same(mine, endpoint.AttachmentOf(pasid)!.Domain);
        Assert.True(endpoint.Detach(third!));
        Assert.False(endpoint.Detach(third!));
        Assert.Equal(IommuStatus.Busy, endpoint.Replace(third!, theirs, null, out _));
        Assert.Null(endpoint.AttachmentOf(pasid));
    }

    [Fact]
    public void AProgramsGroupIsNoDrivers()
    {
        Endpoint endpoint = NewEndpoint();
        IommufdDevice device = _machine.Bind(endpoint);
        var driver = new ProcessBindings(new PasidSpace(), new PasidOwner());
        Assert.Equal(IommuStatus.Busy, driver.BindDevice(endpoint, new OwnAddressSpace(), out _));
        Assert.Equal(0, driver.Count);
        device.Unbind();
        Assert.Equal(IommuStatus.Ok, driver.BindDevice(endpoint, new OwnAddressSpace(), out _));
    }

    [Fact]
    public void ADriversGroupIsNoPrograms()
    {
        Endpoint endpoint = NewEndpoint();
        var driver = new ProcessBindings(new PasidSpace(), new PasidOwner());
        var process = new OwnAddressSpace();
        Assert.Equal(IommuStatus.Ok, driver.BindDevice(endpoint, process, out Pasid pasid));
        IommuDomain bound = endpoint.AttachedTo(pasid)!;
        Assert.Equal(Errno.EBUSY, IommufdDevice.Bind(_machine.Context, endpoint, out _));
        Assert.Equal(0, _machine.Context.Objects.Count);
        Assert.Same(bound, endpoint.AttachedTo(pasid));

        // Two bindings of one device, and a second driver: the last one to end lets the group go.
        var other = new ProcessBindings(new PasidSpace(), new PasidOwner());
        Assert.Equal(IommuStatus.Ok, driver.BindDevice(endpoint, process, out _));
        // its PASID 1 is the first one's
        Assert.Equal(IommuStatus.Busy, other.BindDevice(endpoint, new OwnAddressSpace(), out _));
        Assert.Equal(IommuStatus.Ok, driver.BindDevice(endpoint, new OwnAddressSpace(), out Pasid second));
        driver.UnbindDevice(endpoint, pasid);
        driver.UnbindDevice(endpoint, second);
        Assert.Equal(Errno.EBUSY, IommufdDevice.Bind(_machine.Context, endpoint, out _));
        driver.UnbindDevice(endpoint, pasid);
        Assert.False(endpoint.Group.IsClaimed);
        _machine.Bind(endpoint);
    }

    [Fact]
    public void AGroupThatHasSomethingAttachedIsNotClaimed()
    {
        Endpoint endpoint = NewEndpoint();
        PagingDomain domain = NewDomain();
        Assert.Equal(IommuStatus.Ok, endpoint.Attach(null, domain, null, out Attachment? attachment));
        Assert.Equal(IommuStatus.Busy, endpoint.Group.Claim(this, out _));
        endpoint.Detach(attachment!);
        Assert.Equal(IommuStatus.Ok, endpoint.Group.Claim(this, out _));
    }

    [Fact]
    public void AClaimCountsUntilItIsDisposed()
    {
        IommuGroup group = NewEndpoint().Group;
        object program = new(), other = new(), driver = new();
        Assert.Equal(IommuStatus.Ok, group.Claim(program, out GroupClaim? first));
        Assert.Equal(IommuStatus.Ok, group.Claim(program, out GroupClaim? second));
        Assert.True(first!.IsExclusive);
        Assert.Equal(2, group.Owners[program]);
        Assert.Equal(IommuStatus.Busy, group.Claim(other, out GroupClaim? none));
        Assert.Null(none);
        Assert.Equal(IommuStatus.Busy, group.UseDefaultDomain(driver, out _));
        Assert.Equal(IommuStatus.Busy, group.UseDefaultDomain(program, out _));

        first.Dispose();
        first.Dispose(); // gives back nothing more
        Assert.Equal(IommuStatus.Busy, group.Claim(other, out _));
        second!.Dispose();
        Assert.False(group.IsClaimed);
        Assert.Equal(IommuStatus.Ok, group.UseDefaultDomain(driver, out GroupClaim? used));
        Assert.Equal(IommuStatus.Ok, group.UseDefaultDomain(other, out GroupClaim? alsoUsed));
        Assert.Equal(IommuStatus.Busy, group.Claim(driver, out _));
        Assert.Equal(2, group.Owners.Count);
        used!.Dispose();
        alsoUsed!.Dispose();
        Assert.Equal(IommuStatus.Ok, group.Claim(program, out _));
    }

    [Fact]
    public void TwoContextsUseTwoPasidsOfOneDriversDevice()
    {
        Endpoint endpoint = NewEndpoint();
        var parent = new object();
        PagingDomain one = NewDomain(), two = NewDomain();
        Assert.Equal(IommuStatus.Ok, endpoint.Group.UseDefaultDomain(parent, out GroupClaim? own));
        Assert.Equal(IommuStatus.Ok, endpoint.Group.UseDefaultDomain(parent, out GroupClaim? first));
        Assert.Equal(IommuStatus.Ok, endpoint.Attach(new Pasid(1), one, "one", out Attachment? attached));
        Assert.Equal(IommuStatus.Ok, endpoint.Group.UseDefaultDomain(parent, out GroupClaim? second));
        Assert.Equal(IommuStatus.Ok, endpoint.Attach(new Pasid(2), two, "two", out Attachment? other));

        // Neither a program nor another driver gets in between; the driver's own processes do.
        Assert.Equal(IommuStatus.Busy, endpoint.Group.Claim(this, out _));
        Assert.Equal(IommuStatus.Busy, endpoint.Group.UseDefaultDomain(this, out _));
        Assert.Equal(Errno.EBUSY, IommufdDevice.Bind(_machine.Context, endpoint, out _));
        var driver = new ProcessBindings(NewSpace(taken: 2), new PasidOwner(), parent);
        Assert.Equal(IommuStatus.Ok, driver.BindDevice(endpoint, new OwnAddressSpace(), out Pasid process));
        Assert.Equal(4, endpoint.Group.Owners[parent]);
        driver.UnbindDevice(endpoint, process);

        endpoint.Detach(attached!);
        first!.Dispose();
        own!.Dispose(); // the parent's own use ends before its last subdevice's: the group is still no program's
        Assert.Equal(IommuStatus.Busy, endpoint.Group.Claim(this, out _));
        endpoint.Detach(other!);
        second!.Dispose();
        Assert.Equal(IommuStatus.Ok, endpoint.Group.Claim(this, out _));
    }

    [Fact]
    public void AUnitIsToldWhatAPasidIsAttachedTo()
    {
        var unit = new WatchingUnit();
        var endpoint = new Endpoint(new RequesterId(0, 0, 1, 0), unit,
            new IommuGroup(1))
        { Features = new EndpointFeatures { PasidBits = 20 } };
        var process = new OwnAddressSpace();
        HostBlock memory = process.Allocate(0x1000);
        var domain = new ProcessDomain(_bench.Unit, process); // made for another unit
        Assert.Equal(IommuStatus.Invalid, endpoint.Attach(null, domain, null, out _));
        Assert.Equal(IommuStatus.Ok, endpoint.Attach(new Pasid(3), domain, null, out Attachment? attachment));
        using DmaPort port = endpoint.OpenPort();
        Assert.True(port.Read(new Pasid(3), new Iova((ulong)memory.Address), new byte[8]).IsOk);
        endpoint.Detach(attachment!);
        Assert.Equal(FaultReason.NotAttached,
            port.Read(new Pasid(3), new Iova((ulong)memory.Address), new byte[8]).Reason);
        Assert.Equal([(3u, domain, null), (3u, null, domain)], unit.Told);
        process.Free(memory);
    }

    private PagingDomain NewDomain() => new(_machine.Unit, new MappingTable(4096), PagingDomainOptions.Pasid);

    private static PasidSpace NewSpace(uint taken)
    {
        var space = new PasidSpace();
        var owner = new PasidOwner();
        for (uint i = 1; i <= taken; i++) Assert.Equal(IommuStatus.Ok, space.Allocate(owner, i, i, out _));
        return space;
    }

    private Endpoint NewEndpoint()
    {
        Endpoint plain = _machine.NewEndpoint();
        return new Endpoint(plain.Id, plain.Unit,
            plain.Group)
        { Features = new EndpointFeatures { PasidBits = 20 } };
    }

    private sealed class WatchingUnit : TestUnit
    {
        internal List<(uint? Pasid, IommuDomain? Domain, IommuDomain? Former)> Told { get; } = [];

        public override IommuStatus Attaching(Endpoint endpoint, Pasid? pasid, IommuDomain? domain, IommuDomain? former)
        {
            Told.Add((pasid?.Value, domain, former));
            return base.Attaching(endpoint, pasid, domain, former);
        }
    }
}
