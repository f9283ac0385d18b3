using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Units;
using Ioasis.Memory;

namespace Ioasis.Tests.Core;

/// <summary>Default domains: their types, and which changes are possible (Linux: iommu_group_store_type).</summary>
public sealed class DomainTypeTests
{
    private static readonly DomainType?[] s_requests =
        [DomainType.Identity, DomainType.Dma, DomainType.DmaFlushQueue, null];

    private readonly DefaultDomains _domains = new();
    private readonly ReservingUnit _unit = new();

    [Theory]
    [InlineData(DomainType.Identity)]
    [InlineData(DomainType.Dma)]
    [InlineData(DomainType.DmaFlushQueue)]
    public void AGroupBeginsWithTheTypeOfTheDescription(DomainType boot)
    {
        IommuGroup group = NewGroup();
        Assert.Null(group.Type);
        Assert.Equal(IommuStatus.Invalid, group.SetType(DomainType.Dma)); // there is no default domain
        Assert.Equal(IommuStatus.Ok, group.SetUp(new DefaultDomains { BootType = boot }));
        Assert.Equal(boot, group.Type);
        Assert.All(group.Endpoints, member => Assert.Same(group.DefaultDomain, member.Attached));
    }

    [Fact]
    public void WithoutADriverEveryChangeIsPossible()
    {
        IommuGroup group = NewGroup();
        group.SetUp(_domains);
        foreach (DomainType? from in s_requests)
        {
            foreach (DomainType? to in s_requests)
            {
                Assert.Equal(IommuStatus.Ok, group.SetType(from));
                Assert.Equal(IommuStatus.Ok, group.SetType(to));
                Assert.Equal(to ?? _domains.BootType, group.Type);
                Assert.All(group.Endpoints, member => Assert.Same(group.DefaultDomain, member.Attached));
            }
        }

        Assert.Equal(IommuStatus.Invalid, group.SetType(DomainType.Blocked)); // there is no word for it
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WhoHasAClaimCountsOnTheDomain(bool isExclusive)
    {
        foreach (DomainType from in (DomainType[])[DomainType.Identity, DomainType.Dma, DomainType.DmaFlushQueue])
        {
            IommuGroup group = NewGroup();
            group.SetUp(_domains);
            Assert.Equal(IommuStatus.Ok, group.SetType(from));
            GroupClaim? claim;
            Assert.Equal(IommuStatus.Ok,
                isExclusive ? group.Claim(this, out claim) : group.UseDefaultDomain(this, out claim));
            IommuDomain? domain = group.DefaultDomain;
            foreach (DomainType? to in s_requests)
            {
                // The one change for which the domain stays.
                bool isQueued = from == DomainType.Dma && to == DomainType.DmaFlushQueue;
                Assert.Equal(isQueued ? IommuStatus.Ok : IommuStatus.NotPermitted, group.SetType(to));
                Assert.Equal(isQueued ? DomainType.DmaFlushQueue : from, group.Type);
                Assert.Same(domain, group.DefaultDomain);
                if (isQueued) break;
            }

            claim!.Dispose();
            Assert.Equal(IommuStatus.Ok, group.SetType(null));
        }
    }

    [Fact]
    public void APasidThatIsAttachedKeepsTheDomain()
    {
        IommuGroup group = NewGroup();
        group.SetUp(_domains);
        Assert.Equal(IommuStatus.Ok, group.Endpoints[0].Attach(
            new Pasid(5), group.DefaultDomain!, null, out Attachment? system));
        Assert.Equal(IommuStatus.NotPermitted, group.SetType(DomainType.Identity));
        Assert.True(group.Endpoints[0].Detach(system!));
        Assert.Equal(IommuStatus.Ok, group.SetType(DomainType.Identity));
    }

    [Fact]
    public void AnUntrustedMemberForcesStrictTranslation()
    {
        IommuGroup group = NewGroup();
        var passthrough = new DefaultDomains { BootType = DomainType.Identity };
        group.SetUp(passthrough);
        Assert.Equal(DomainType.Identity, group.Type);
        var guest = new Endpoint(new RequesterId(0, 0, 9, 0), _unit, group) { IsUntrusted = true };
        group.SetUp(passthrough);
        Assert.Equal(DomainType.Dma, group.Type);
        Assert.Equal(IommuStatus.Invalid, group.SetType(DomainType.Identity));
        Assert.Equal(IommuStatus.Ok, group.SetType(null));
        Assert.Equal(DomainType.Dma, group.Type);
        group.Remove(guest);
        Assert.Equal(IommuStatus.Ok, group.SetType(null));
        Assert.Equal(DomainType.Identity, group.Type);
    }

    [Fact]
    public void AUnitWithLargePagesHasNoDmaDomain()
    {
        var group = new IommuGroup(1);
        _ = new Endpoint(new RequesterId(0, 0, 1, 0), new TestUnit(0x10000), group);
        Assert.Equal(IommuStatus.NotSupported, group.SetUp(_domains));
        Assert.Null(group.Type);
        Assert.Equal(IommuStatus.Ok, group.SetUp(new DefaultDomains { BootType = DomainType.Identity }));
        Assert.Equal(IommuStatus.NotSupported, group.SetType(DomainType.Dma));
        Assert.Equal(DomainType.Identity, group.Type);
    }

    [Fact]
    public void DirectRegionsAreMappedBeforeADeviceIsAttached()
    {
        HostBlock first = _domains.Memory.Allocate(0x3000), second = _domains.Memory.Allocate(0x1000);
        first.CopyFrom(0, [1]);
        first.CopyFrom(0x2fff, [2]);
        second.CopyFrom(0, [3]);
        _unit.Add(0, (ulong)first.Address + 0x10, 0x2000, ReservedKind.DirectRelaxable); // the pages around it count
        _unit.Add(0, (ulong)first.Address + 0x2000, 0x1000, ReservedKind.Direct);
        _unit.Add(0, 0xdead_0000, 0x1000, ReservedKind.Reserved);
        IommuGroup group = NewGroup();
        group.SetUp(_domains);
        Endpoint device = group.Endpoints[0];
        using DmaPort port = device.OpenPort();
        Assert.Equal((FaultReason.None, 1), Read(port, (ulong)first.Address));
        Assert.Equal((FaultReason.None, 2), Read(port, (ulong)first.Address + 0x2fff));
        Assert.Equal(FaultReason.NotMapped, Read(port, (ulong)second.Address).Reason);
        Assert.Equal(FaultReason.NotMapped, Read(port, 0xdead_0000).Reason);

        // A member that joins brings its own; what both have is mapped once.
        _unit.Add(2, (ulong)second.Address, 0x1000, ReservedKind.DirectRelaxable);
        _unit.Add(2, (ulong)first.Address, 0x1000, ReservedKind.DirectRelaxable);
        var joined = new Endpoint(new RequesterId(0, 0, 2, 0), _unit, group);
        group.SetUp(_domains);
        using DmaPort other = joined.OpenPort();
        Assert.Equal((FaultReason.None, 3), Read(other, (ulong)second.Address));
        Assert.Equal((FaultReason.None, 3), Read(port, (ulong)second.Address)); // one group, one domain

        // A new domain has them again.
        Assert.Equal(IommuStatus.Ok, group.SetType(DomainType.Identity));
        Assert.Equal((FaultReason.None, 1), Read(port, (ulong)first.Address));
        Assert.Equal(IommuStatus.Ok, group.SetType(DomainType.DmaFlushQueue));
        Assert.Equal((FaultReason.None, 3), Read(port, (ulong)second.Address));
    }

    [Theory]
    [InlineData(ReservedKind.Direct, IommuStatus.Invalid)]
    [InlineData(ReservedKind.DirectRelaxable, IommuStatus.Ok)]
    [InlineData(ReservedKind.Reserved, IommuStatus.Ok)]
    public void OnlyARelaxableDirectRegionCanBeTakenAway(ReservedKind kind, IommuStatus status)
    {
        _unit.Add(1, 0x10000, 0x1000, kind);
        IommuGroup group = NewGroup();
        group.SetUp(_domains);
        Assert.Equal(status, group.Claim(this, out GroupClaim? claim));
        claim?.Dispose();
        Assert.Equal(IommuStatus.Ok, group.UseDefaultDomain(this, out _)); // a driver in the host leaves it mapped
    }

    [Fact]
    public void RegionsOfAGroupAreMergedByKind()
    {
        _unit.Add(0, 0xfee0_0000, 0x10_0000, ReservedKind.Msi);
        _unit.Add(1, 0xfee0_0000, 0x10_0000, ReservedKind.Msi);
        _unit.Add(0, 0x5000, 0x1000, ReservedKind.Direct);
        _unit.Add(1, 0x6000, 0x1000, ReservedKind.Direct); // touches
        _unit.Add(1, 0x8000, 0x1000, ReservedKind.Direct);
        _unit.Add(0, 0x5000, 0x4000, ReservedKind.Reserved);
        Assert.Equal(
            [
                new ReservedRegion(new IovaRange(0x5000, 0x6fff), ReservedKind.Direct),
                new ReservedRegion(new IovaRange(0x5000, 0x8fff), ReservedKind.Reserved),
                new ReservedRegion(new IovaRange(0x8000, 0x8fff), ReservedKind.Direct),
                new ReservedRegion(new IovaRange(0xfee0_0000, 0xfeef_ffff), ReservedKind.Msi),
            ],
            NewGroup().ReservedRegions);
    }

    [Theory]
    [InlineData("identity", DomainType.Identity)]
    [InlineData("DMA", DomainType.Dma)]
    [InlineData("DMA-FQ", DomainType.DmaFlushQueue)]
    public void WordsAreLinuxs(string word, DomainType type)
    {
        Assert.True(DomainTypes.TryParse(word, out DomainType? parsed));
        Assert.Equal(type, parsed);
        Assert.Equal(word, DomainTypes.NameOf(type));
        Assert.False(DomainTypes.TryParse(word + " ", out _));
        Assert.True(DomainTypes.TryParse("auto", out parsed));
        Assert.Null(parsed);
        Assert.False(DomainTypes.TryParse("blocked", out _));
        Assert.Equal(("blocked", "unknown"), (DomainTypes.NameOf(DomainType.Blocked), DomainTypes.NameOf(null)));
    }

    private IommuGroup NewGroup()
    {
        var group = new IommuGroup(1);
        for (byte slot = 0; slot < 2; slot++) _ = new Endpoint(new RequesterId(0, 0, slot, 0), _unit, group);
        return group;
    }

    private static (FaultReason Reason, int Value) Read(DmaPort port, ulong address)
    {
        byte[] one = new byte[1];
        DmaResult result = port.Read(new Iova(address), one);
        return (result.Reason, one[0]);
    }

    /// <summary>A unit that reserves addresses for devices by their slot.</summary>
    private sealed class ReservingUnit : TestUnit
    {
        private readonly List<(byte Slot, ReservedRegion Region)> _reserved = [];

        internal void Add(byte slot, ulong first, ulong length, ReservedKind kind) =>
            _reserved.Add((slot, new ReservedRegion(new IovaRange(first, first + length - 1), kind)));

        public override IReadOnlyList<ReservedRegion> ReservedRegions(Endpoint endpoint) =>
            [.. _reserved.Where(r => r.Slot == endpoint.Id.Requester!.Value.Device).Select(r => r.Region)];
    }
}
