using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Units;
using Ioasis.Memory;
using Ioasis.Units.Vtd.Nested;

namespace Ioasis.Units.Vtd;

/// <summary>
/// An Intel VT-d unit (Intel Virtualization Technology for Directed I/O, architecture specification 4.1).
/// </summary>
public sealed class VtdUnit : IommuUnit
{
    /// <summary>Writes to these addresses are interrupt messages, never DMA (specification 3.14).</summary>
    private static readonly IovaRange s_interruptWindow = new(0xfee0_0000, 0xfeef_ffff);

    /// <summary>Requests in the page request queue that Linux gives a unit (PRQ_DEPTH).</summary>
    private const int PageRequestQueueDepth = 2048;

    private readonly VtdFeatures _features;
    private readonly HardwareInfo _info;

    /// <summary>Makes a unit.</summary>
    /// <param name="name">Its name, <c>dmar0</c>.</param>
    /// <param name="features">Its features.</param>
    /// <exception cref="ArgumentOutOfRangeException">VT-d does not have the address width.</exception>
    public VtdUnit(string name, VtdFeatures features) : base(name)
    {
        if (features.AddressBits is not (39 or 48 or 57))
            throw new ArgumentOutOfRangeException(nameof(features), features.AddressBits,
                "A VT-d unit translates 39, 48 or 57 address bits.");
        _features = features;
        Aperture = new IovaRange(0, (1UL << features.AddressBits) - 1);
        PageSizes = (1UL << 12) | (features.Pages2M ? 1UL << 21 : 0) | (features.Pages1G ? 1UL << 30 : 0);

        // The flag tells programs that a nest parent takes no read-only mapping (see CreatePagingDomain). Linux sets it
        // for all units.
        var info = new IommuHwInfoVtd
        {
            Flags = IommufdH.IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17,
            CapReg = VtdCapability.Of(features).Value,
            EcapReg = VtdExtendedCapability.Of(features).Value,
        };
        _info = new HardwareInfo(IommufdH.IOMMU_HW_INFO_TYPE_INTEL_VTD,
            MemoryMarshal.AsBytes(new ReadOnlySpan<IommuHwInfoVtd>(in info)).ToArray());
    }

    /// <inheritdoc/>
    public override ulong PageSizes { get; }

    /// <inheritdoc/>
    public override IovaRange Aperture { get; }

    /// <inheritdoc/>
    public override int MaxPasidLog2 => _features.PasidBits;

    /// <summary>
    /// Page requests need ATS, as on Linux, and both need the unit's own support.
    /// </summary>
    public override EndpointFeatures Enable(EndpointFeatures features)
    {
        EndpointFeatures enabled = base.Enable(features);
        bool ats = enabled.Ats && _features.PageRequests;
        return enabled with
        {
            Ats = ats,
            PageRequests = ats
            && _features.IsScalable ? Math.Min(enabled.PageRequests, PageRequestQueueDepth) : 0
        };
    }

    /// <inheritdoc/>
    public override bool SupportsDirtyTracking(Endpoint endpoint) => _features.DirtyTracking;

    /// <inheritdoc/>
    public override bool EnforcesCoherency(Endpoint endpoint) => VtdExtendedCapability.Of(_features).SnoopControl;

    /// <inheritdoc/>
    public override bool TryGetHardwareInfo(Endpoint endpoint, uint type, out HardwareInfo info)
    {
        info = _info;
        return type == HardwareInfo.DefaultType || type == info.Type;
    }

    /// <summary>The registers, as Linux's driver shows them.</summary>
    public override IReadOnlyList<SysfsAttribute> SysfsAttributes =>
    [
        new("intel-iommu/cap", $"{VtdCapability.Of(_features).Value:x}"),
        new("intel-iommu/ecap", $"{VtdExtendedCapability.Of(_features).Value:x}"),
        new("intel-iommu/version", "1:0"),
    ];

    /// <inheritdoc/>
    public override string? NameOf(UserDataKind kind, uint type) => (kind, type) switch
    {
        (UserDataKind.PageTable, IommufdH.IOMMU_HWPT_DATA_VTD_S1) => "VTD_S1",
        (UserDataKind.Invalidation, IommufdH.IOMMU_HWPT_INVALIDATE_DATA_VTD_S1) => "VTD_S1",
        _ => null,
    };

    /// <inheritdoc/>
    public override bool NestsOnHwpt => true;

    /// <summary>
    /// A device that is no PCI function sends no interrupt messages, so the window of these is memory to it as any
    /// other address.
    /// </summary>
    public override IReadOnlyList<ReservedRegion> ReservedRegions(Endpoint endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        RequesterId? requester = endpoint.Id.Requester;
        IEnumerable<ReservedRegion> own = _features.Reserved
            .Where(reserved => reserved.Device is null || reserved.Device == requester)
            .Select(reserved => reserved.Region);
        return requester is null ? [.. own] : [new ReservedRegion(s_interruptWindow, ReservedKind.Msi), .. own];
    }

    /// <summary>
    /// Makes a second-stage table, which can be attached to PASIDs too. A nest parent takes no read-only mapping: Linux
    /// refuses that on all units because of an erratum of some (772415).
    /// </summary>
    public override IommuStatus CreatePagingDomain(
        Endpoint endpoint, PagingDomainOptions options, UserData? data, MappingTable mappings, out PagingDomain? domain)
    {
        domain = null;
        if (data is not null || ((options & PagingDomainOptions.NestParent) != 0 && !_features.Nesting))
            return IommuStatus.NotSupported.Because(
                "the IOMMU cannot nest, or the HWPT got data, which a second stage has not");
        PagingDomainOptions known = PagingDomainOptions.Pasid | PagingDomainOptions.NestParent
            | (_features.DirtyTracking ? PagingDomainOptions.DirtyTracking : 0);
        if ((options & ~known) != 0) return IommuStatus.NotSupported.Because("the IOMMU does not track dirty pages");
        domain = new PagingDomain(
            this, mappings, options)
        { IsWritableOnly = (options & PagingDomainOptions.NestParent) != 0 };
        return IommuStatus.Ok;
    }

    /// <inheritdoc/>
    public override IommuStatus CreateNestedDomain(
        PagingDomain parent, PagingDomainOptions options, UserData data, out NestedDomain? domain)
    {
        ArgumentNullException.ThrowIfNull(parent);
        ArgumentNullException.ThrowIfNull(data);
        domain = null;
        return _features.Nesting
            ? VtdNestedDomain.TryCreate(parent, data, _features, out domain)
            : IommuStatus.NotSupported.Because("the IOMMU cannot nest");
    }

    /// <summary>Checks what a first stage needs of the unit: only when it is attached, as on Linux.</summary>
    public override IommuStatus Attaching(Endpoint endpoint, Pasid? pasid, IommuDomain? domain, IommuDomain? former)
    {
        if (domain is null or { IsOfAnyUnit: true }) return IommuStatus.Ok;
        if (!Accepts(domain is NestedDomain nested ? nested.Parent : domain))
            return IommuStatus.Invalid.Because("the page table is not one that the device's IOMMU can walk");
        if (domain.PageRequests is not null && endpoint.Enabled.PageRequests == 0)
            return IommuStatus.NoDevice.Because("the HWPT has a fault queue, and the device cannot request pages");
        return domain is VtdNestedDomain firstStage && !CanWalk(firstStage)
            ? IommuStatus.Invalid.Because("the first stage needs what the device's IOMMU lacks")
            : IommuStatus.Ok;
    }

    /// <summary>
    /// Whether the unit can walk a first stage. One that was made for another unit must also be walked alike here: both
    /// units have 1 GiB leaves or neither has. Linux does not check that.
    /// </summary>
    private bool CanWalk(VtdNestedDomain nested) =>
        (nested.Config.AddrWidth == VtdNestedDomain.FourLevels
            || (nested.Config.AddrWidth == VtdNestedDomain.FiveLevels && _features.FirstStage5Level))
        && ((nested.Config.Flags & IommufdH.IOMMU_VTD_S1_SRE) == 0 || _features.SupervisorRequests)
        && ((nested.Config.Flags & IommufdH.IOMMU_VTD_S1_EAFE) == 0 || _features.ExtendedAccessed)
        && nested.Table.Format.HasPages1G == _features.FirstStage1G;

    /// <summary>Accepts the tables of every VT-d unit that walks them as this one does.</summary>
    public override bool Accepts(IommuDomain domain) =>
        domain.Owner is VtdUnit owner && owner._features.AddressBits == _features.AddressBits
        && (owner.PageSizes & ~PageSizes) == 0
        && (domain is not PagingDomain { Options: var options } ? _features.Nesting
            : (_features.DirtyTracking || (options & PagingDomainOptions.DirtyTracking) == 0)
            && (_features.Nesting || (options & PagingDomainOptions.NestParent) == 0));

    /// <inheritdoc/>
    public override FaultSyndrome SyndromeOf(FaultReason reason, bool isWrite) => new(reason switch
    {
        // VT-d specification, 7.2.3 and appendix A, for requests in legacy mode.
        FaultReason.NotAttached => 0x2,           // the context entry is not present
        FaultReason.BeyondAddressWidth => 0x4,
        FaultReason.NotMapped or FaultReason.NoPermission => (ushort)(isWrite ? 0x5 : 0x6),
        FaultReason.MemoryGone => 0x7,            // the page cannot be accessed
        _ => 0,                                   // the request did not reach the unit
    });

    /// <inheritdoc/>
    public override string? RuleOf(ushort code) => VtdRules.Of(code);
}
