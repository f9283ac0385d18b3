using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Units;
using Ioasis.Memory;

namespace Ioasis.Tests.Faults;

/// <summary>A unit with all that Core has, where making a page table and attaching can fail.</summary>
internal sealed class FaultyUnit(Func<FaultPlan> plan) : IommuUnit("faulty")
{
    public override ulong PageSizes => 0x1000;

    public override IovaRange Aperture => new(0, (1UL << 48) - 1);

    public override int MaxPasidLog2 => 20;

    public override bool SupportsDirtyTracking(Endpoint endpoint) => true;

    public override bool EnforcesCoherency(Endpoint endpoint) => true;

    public override bool TryGetHardwareInfo(Endpoint endpoint, uint type, out HardwareInfo info)
    {
        info = new HardwareInfo(99, new byte[4]);
        return type is HardwareInfo.DefaultType or 99;
    }

    public override IReadOnlyList<ReservedRegion> ReservedRegions(Endpoint endpoint) =>
        [new ReservedRegion(new IovaRange(0xfee0_0000, 0xfeef_ffff), ReservedKind.Msi)];

    public override IommuStatus CreatePagingDomain(
        Endpoint endpoint, PagingDomainOptions options, UserData? data, MappingTable mappings, out PagingDomain? domain)
    {
        domain = plan().Fails("make a page table") ? null : new PagingDomain(this, mappings, options);
        return domain is null ? IommuStatus.NoMemory : IommuStatus.Ok;
    }

    public override IommuStatus Attaching(Endpoint endpoint, Pasid? pasid, IommuDomain? domain, IommuDomain? former) =>
        domain is not null && plan().Fails("attach")
            ? IommuStatus.NoMemory
            : base.Attaching(endpoint, pasid, domain, former);

    public override FaultSyndrome SyndromeOf(FaultReason reason, bool isWrite) => new((ushort)reason);
}
