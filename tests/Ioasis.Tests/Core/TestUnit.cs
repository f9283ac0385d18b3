using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Units;
using Ioasis.Memory;

namespace Ioasis.Tests.Core;

/// <summary>A unit that does all that Core can do.</summary>
internal class TestUnit(ulong pageSizes = 0x1000) : IommuUnit("test")
{
    public override string? NameOf(UserDataKind kind, uint type) => type == 7 ? $"{kind} 7" : null;

    public override ulong PageSizes => pageSizes;

    public override IovaRange Aperture => new(0, (1UL << 48) - 1);

    public override int MaxPasidLog2 => 20;

    public override bool SupportsDirtyTracking(Endpoint endpoint) => false;

    public override bool EnforcesCoherency(Endpoint endpoint) => true;

    public override bool TryGetHardwareInfo(Endpoint endpoint, uint type, out HardwareInfo info)
    {
        info = new HardwareInfo(99, new byte[4]);
        return type is HardwareInfo.DefaultType or 99;
    }

    public override IReadOnlyList<ReservedRegion> ReservedRegions(Endpoint endpoint) => [];

    public override IommuStatus CreatePagingDomain(
        Endpoint endpoint, PagingDomainOptions options, UserData? data, MappingTable mappings, out PagingDomain? domain)
    {
        domain = new PagingDomain(this, mappings, options);
        return IommuStatus.Ok;
    }

    public override FaultSyndrome SyndromeOf(FaultReason reason, bool isWrite) => new((ushort)reason);
}
