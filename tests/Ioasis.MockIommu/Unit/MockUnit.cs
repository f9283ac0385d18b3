using System.Runtime.InteropServices;
using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Units;
using Ioasis.Memory;
using Ioasis.MockIommu.Abi;
using Ioasis.MockIommu.Devices;
using static Ioasis.MockIommu.Abi.IommuTestH;

namespace Ioasis.MockIommu.Unit;

/// <summary>
/// The IOMMU that Linux's selftests of iommufd run on (Linux: mock_ops): pages of 2 KiB, and a knob on everything.
/// </summary>
/// <param name="name">The unit's name.</param>
[IommuDriver("mock")]
public sealed class MockUnit(string name) : IommuUnit(name)
{
    private const PagingDomainOptions Known = PagingDomainOptions.DirtyTracking | PagingDomainOptions.NestParent
        | PagingDomainOptions.Pasid;

    private static readonly HardwareInfo s_info = new(
        IOMMU_HW_INFO_TYPE_SELFTEST,
        MemoryMarshal.AsBytes([new IommuTestHwInfo(0, IOMMU_HW_INFO_SELFTEST_REGVAL)]).ToArray());

    /// <summary>The unit behind which the test program's devices are.</summary>
    internal static MockUnit Selftest { get; } = new("iommufd_selftest_iommu.0");

    /// <summary>Every power of two from its page on, as a table of AMD's format has them.</summary>
    public override ulong PageSizes => (1UL << 51) - MOCK_PAGE_SIZE;

    public override IovaRange Aperture => new(0, (1UL << 56) - 1);

    public override int MaxPasidLog2 => MOCK_PASID_WIDTH;

    public override bool EnforcesCoherency(Endpoint endpoint) => false;

    public override bool TryGetHardwareInfo(Endpoint endpoint, uint type, out HardwareInfo info)
    {
        info = s_info;
        return type is HardwareInfo.DefaultType or IOMMU_HW_INFO_TYPE_SELFTEST;
    }

    public override bool NestsOnHwpt => true;

    public override bool UserOwnsPasidTable => true;

    public override bool SupportsDirtyTracking(Endpoint endpoint) => !MockDevice.Of(endpoint).HasNoDirty;

    public override IReadOnlyList<ReservedRegion> ReservedRegions(Endpoint endpoint) => [];

    public override bool Accepts(IommuDomain domain) => domain.Owner is MockUnit;

    public override FaultSyndrome SyndromeOf(FaultReason reason, bool isWrite) => new((ushort)reason);

    public override IommuStatus CreatePagingDomain(
        Endpoint endpoint, PagingDomainOptions options, UserData? data, MappingTable mappings, out PagingDomain? domain)
    {
        domain = null;
        if ((options & ~Known) != 0) return IommuStatus.NotSupported;
        if ((options & PagingDomainOptions.DirtyTracking) != 0 && !SupportsDirtyTracking(endpoint))
            return IommuStatus.NotSupported;
        IommuHwptSelftest config = default;
        if (data is not null)
        {
            if (data.Type is not (IOMMU_HWPT_DATA_SELFTEST or IOMMU_HWPT_DATA_NONE)) return IommuStatus.NotSupported;
            IommuStatus status = data.TryRead(IOMMU_HWPT_DATA_SELFTEST, IommuHwptSelftest.FirstVersion, out config);
            if (status != IommuStatus.Ok) return status;
        }

        if (config.PagetableType is not (MOCK_IOMMUPT_DEFAULT or MOCK_IOMMUPT_HUGE)) return IommuStatus.NotSupported;
        domain = new MockPagingDomain(this, mappings, options, config.PagetableType == MOCK_IOMMUPT_HUGE);
        return IommuStatus.Ok;
    }

    public override IommuStatus CreateNestedDomain(
        PagingDomain parent, PagingDomainOptions options, UserData data, out NestedDomain? domain) =>
        MockNestedDomain.Create(parent, null, options, data, out domain);

    public override bool HasViommu(Endpoint endpoint, uint type) => type == IOMMU_VIOMMU_TYPE_SELFTEST;

    public override IommuStatus CreateViommu(
        Endpoint endpoint, uint type, PagingDomain parent, UserData? data, IViommuHost host, out Viommu? viommu)
    {
        IommuStatus status = MockViommu.Create(parent, data, host, out MockViommu? created);
        viommu = created;
        return status;
    }

    public override IommuStatus Attaching(Endpoint endpoint, Pasid? pasid, IommuDomain? domain, IommuDomain? former)
    {
        if (domain is not (null or ProcessDomain) && !Accepts(domain)) return IommuStatus.Invalid;
        MockDevice device = MockDevice.Of(endpoint);
        return pasid is { } id ? device.AttachingPasid(id, domain) : device.Attaching(endpoint, domain);
    }
}
