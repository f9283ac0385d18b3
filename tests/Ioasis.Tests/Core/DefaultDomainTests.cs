using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Observation;
using Ioasis.Memory;

namespace Ioasis.Tests.Core;

/// <summary>
/// What a device is attached to while no owner has attached it: the default domain of its group, or nothing.
/// </summary>
public sealed class DefaultDomainTests
{
    private readonly DmaBench _bench = new();

    [Fact]
    public void AGroupRestsOnItsDefaultDomainUntilAnOwnerClaimsIt()
    {
        Endpoint device = _bench.NewEndpoint();
        using DmaPort port = device.OpenPort();
        PagingDomain rest = _bench.NewDomain(), own = _bench.NewDomain();
        _bench.Map(rest, 0x1000, 0x1000, 1);
        _bench.Map(own, 0x1000, 0x1000, 2);
        Assert.Equal(FaultReason.NotAttached, Read(port).Reason);
        Assert.Equal(IommuStatus.Ok, device.Group.SetDefaultDomain(rest));
        Assert.Equal(1, Read(port).Value);

        // A driver in the host uses it, may attach a domain of its own, and comes back.
        Assert.Equal(IommuStatus.Ok, device.Group.UseDefaultDomain(this, out GroupClaim? used));
        Assert.Equal(1, Read(port).Value);
        Assert.Equal(IommuStatus.Ok, device.Attach(null, own, null, out Attachment? attached));
        Assert.Equal(2, Read(port).Value);
        Assert.True(device.Detach(attached!));
        Assert.Equal(1, Read(port).Value);
        Assert.Equal(IommuStatus.Busy, device.Group.SetDefaultDomain(own));
        used!.Dispose();

        // An owner of its own finds it blocked, and leaves it blocked until the last claim is given back.
        Assert.Equal(IommuStatus.Ok, device.Group.Claim(this, out GroupClaim? first));
        Assert.Equal(FaultReason.NotAttached, Read(port).Reason);
        Assert.Equal(IommuStatus.Ok, device.Group.Claim(this, out GroupClaim? second));
        Assert.Equal(IommuStatus.Ok, device.Attach(null, own, null, out attached));
        Assert.Equal(2, Read(port).Value);
        Assert.True(device.Detach(attached!));
        Assert.Equal(FaultReason.NotAttached, Read(port).Reason);
        first!.Dispose();
        Assert.Equal(FaultReason.NotAttached, Read(port).Reason);
        second!.Dispose();
        Assert.Equal(1, Read(port).Value);
        Assert.Equal(IommuStatus.Ok, device.Group.SetDefaultDomain(null));
        Assert.Equal(FaultReason.NotAttached, Read(port).Reason);
    }

    [Fact]
    public void AnAttachmentOutlivesTheClaimAndThenGoesToTheDefaultDomain()
    {
        Endpoint device = _bench.NewEndpoint();
        using DmaPort port = device.OpenPort();
        PagingDomain rest = _bench.NewDomain(), own = _bench.NewDomain();
        _bench.Map(rest, 0x1000, 0x1000, 1);
        _bench.Map(own, 0x1000, 0x1000, 2);
        Assert.Equal(IommuStatus.Ok, device.Group.SetDefaultDomain(rest));
        Assert.Equal(IommuStatus.Ok, device.Group.Claim(this, out GroupClaim? claim));
        Assert.Equal(IommuStatus.Ok, device.Attach(null, own, null, out Attachment? attached));
        claim!.Dispose();
        Assert.Equal(2, Read(port).Value);
        Assert.Equal(IommuStatus.Busy, device.Attach(null, rest, null, out _)); // it is still its maker's
        Assert.True(device.Detach(attached!));
        Assert.Equal(1, Read(port).Value);
    }

    [Fact]
    public void IdentityIsTheMemoryItself()
    {
        Endpoint device = _bench.NewEndpoint();
        using DmaPort port = device.OpenPort();
        var memory = new OwnAddressSpace();
        HostBlock block = memory.Allocate(0x3000);
        var identity = new IdentityDomain(_bench.Unit, memory);
        var other = new Endpoint(new RequesterId(0, 0, 31, 0), new TestUnit(), new IommuGroup(31));
        Assert.Equal(IommuStatus.Ok, device.Group.SetDefaultDomain(identity));
        Assert.Equal(IommuStatus.Ok, other.Group.SetDefaultDomain(identity)); // behind another unit
        var address = new Iova((ulong)block.Address + 0xffe);
        Assert.True(port.Write(address, [1, 2, 3, 4]).IsOk);
        byte[] read = new byte[4];
        using DmaPort otherPort = other.OpenPort();
        Assert.True(otherPort.Read(address, read).IsOk);
        Assert.Equal([1, 2, 3, 4], read);
        block.CopyTo(0xffe, read);
        Assert.Equal([1, 2, 3, 4], read);

        // The same under a PASID, for as long as the default domain is that one.
        Assert.Equal(IommuStatus.Ok, device.Attach(new Pasid(5), identity, null, out Attachment? system));
        Assert.True(port.Read(new Pasid(5), address, read).IsOk);
        Assert.Equal(IommuStatus.Busy, device.Group.SetDefaultDomain(null));
        Assert.True(device.Detach(system!));

        // Nothing is there but what was given to devices.
        Assert.Equal(FaultReason.MemoryGone, port.Read(new Iova(0x1000), read).Reason);
        Assert.Equal(FaultReason.BeyondAddressWidth, port.Read(new Iova(1UL << 47), read).Reason);
        memory.Free(block);
        Assert.Equal(FaultReason.MemoryGone, port.Read(address, read).Reason);
    }

    [Fact]
    public void ABlockingDomainIsADomainThatNothingPasses()
    {
        Endpoint device = _bench.NewEndpoint();
        using DmaPort port = device.OpenPort();
        PagingDomain domain = _bench.NewDomain();
        _bench.Map(domain, 0x1000, 0x1000, 1);
        var blocking = new BlockingDomain(new TestUnit());
        Assert.Equal(IommuStatus.Ok, device.Attach(null, domain, null, out Attachment? attached));
        Assert.Equal(1, Read(port).Value);
        Assert.Equal(IommuStatus.Ok, device.Replace(attached!, blocking, null, out Attachment? blocked));
        Assert.Equal(FaultReason.NotAttached, Read(port).Reason);
        Assert.Equal(IommuStatus.Busy, device.Attach(null, domain, null, out _));
        Assert.Equal(IommuStatus.Ok, device.Replace(blocked!, domain, null, out _));
        Assert.Equal(1, Read(port).Value);
        Assert.Equal(IommuStatus.Ok, device.Attach(new Pasid(3), blocking, null, out _));
        Assert.Equal(FaultReason.NotAttached, port.Read(new Pasid(3), new Iova(0x1000), new byte[1]).Reason);
    }

    [Fact]
    public void ADomainThatAUnitRefusesChangesNothing()
    {
        var unit = new Refusing();
        var group = new IommuGroup(1);
        Endpoint one = NewMember(0, _bench.Unit), two = NewMember(1, unit);
        using DmaPort port = one.OpenPort();
        PagingDomain rest = _bench.NewDomain(), next = _bench.NewDomain();
        _bench.Map(rest, 0x1000, 0x1000, 1);
        unit.Refused = next;
        Assert.Equal(IommuStatus.Ok, group.SetDefaultDomain(rest));
        Assert.Equal(IommuStatus.Invalid, group.SetDefaultDomain(next));
        Assert.Same(rest, group.DefaultDomain);
        Assert.All([one, two], e => Assert.Same(rest, e.Attached));
        Assert.Equal(1, Read(port).Value);
        Assert.Equal(IommuStatus.Invalid, group.SetDefaultDomain(new ProcessDomain(unit, new OwnAddressSpace())));

        // A member that joins is put on the domain by the same call.
        Endpoint three = NewMember(2, _bench.Unit);
        Assert.Null(three.Attached);
        Assert.Equal(IommuStatus.Ok, group.UseDefaultDomain(this, out _));
        Assert.Equal(IommuStatus.Ok, group.SetDefaultDomain(rest));
        Assert.Same(rest, three.Attached);
        group.Remove(three);
        Assert.Null(three.Attached);

        // One whose unit refuses to take it back is blocked; the others are not.
        unit.Refused = rest;
        Assert.Equal(IommuStatus.Ok, two.Attach(null, next, null, out Attachment? attached));
        Assert.True(two.Detach(attached!));
        Assert.Null(two.Attached);
        Assert.Same(rest, one.Attached);

        Endpoint NewMember(byte slot, TestUnit behind) =>
            new(new RequesterId(0, 0, slot, 0), behind, group);
    }

    [Fact]
    public void ObserversSeeTheDefaultDomainComeAndGo()
    {
        Endpoint device = _bench.NewEndpoint();
        PagingDomain rest = _bench.NewDomain(), own = _bench.NewDomain();
        var seen = new EventRecorder();
        _bench.Unit.Observers.Add(seen);
        device.Group.SetDefaultDomain(rest);
        Assert.Equal(IommuStatus.Ok, device.Group.Claim(this, out GroupClaim? claim));
        Assert.Equal(IommuStatus.Ok, device.Attach(null, own, "program", out Attachment? attached));
        device.Detach(attached!);
        claim!.Dispose();
        EventStamp[] at = [.. seen.Stamps];
        Assert.Equal(
            [
                new AttachEvent(at[0], device, null, rest, null, device.Group),
                new DetachEvent(at[1], device, null, rest, device.Group),
                new AttachEvent(at[2], device, null, own, null, "program"),
                new DetachEvent(at[3], device, null, own, "program"),
                new AttachEvent(at[4], device, null, rest, null, device.Group),
            ],
            seen.Events);
    }

    private static (FaultReason Reason, byte Value) Read(DmaPort port)
    {
        byte[] one = new byte[1];
        DmaResult result = port.Read(new Iova(0x1000), one);
        return (result.Reason, one[0]);
    }

    private sealed class Refusing : TestUnit
    {
        internal IommuDomain? Refused { get; set; }

        public override bool Accepts(IommuDomain domain) => domain != Refused;
    }
}
