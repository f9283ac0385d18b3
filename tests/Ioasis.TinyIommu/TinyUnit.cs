using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Units;
using Ioasis.Memory;

namespace Ioasis.TinyIommu;

/// <summary>
/// A made-up IOMMU that proves the contract of a unit: properties of its own, a first stage in a format of its own
/// whose user owns the PASID table, faults, reserved regions, and what it tells of itself.
/// </summary>
[IommuDriver("tiny")]
public sealed class TinyUnit : IommuUnit
{
    private readonly int _pasidBits;
    private readonly int _pageShift; // log2 of the one page size of a paging domain
    private readonly string? _incoherent; // a device whose DMA need not be coherent
    private readonly List<ReservedRegion> _reserved = [new(new IovaRange(0xfee0_0000, 0xfeef_ffff), ReservedKind.Msi)];
    private readonly ConcurrentQueue<DmaFault> _reported = new();

    public TinyUnit(string name, UnitProperties properties) : base(name)
    {
        ArgumentNullException.ThrowIfNull(properties);
        _pasidBits = properties.Count("pasidBits", Pasid.Bits, "a tiny unit has up to 20 PASID bits") ?? 0;
        _pageShift = properties.Count("pageShift", 30, "a page of a tiny unit has up to 2^30 bytes") ?? 12;
        _incoherent = properties.String("incoherent");
        foreach (UnitProperties range in properties.List("relaxable", "a relaxable range"))
        {
            ulong first = range.Unsigned("first") ?? throw range.Mistake("", "a relaxable range needs \"first\"");
            _reserved.Add(new ReservedRegion(new IovaRange(first, first + 0xfff), ReservedKind.DirectRelaxable));
        }
    }

    /// <summary>The faults that the unit was told of.</summary>
    public IReadOnlyCollection<DmaFault> Reported => _reported;

    public override ulong PageSizes => 1UL << _pageShift;

    public override IovaRange Aperture => new(0, (1UL << 48) - 1);

    public override int MaxPasidLog2 => _pasidBits;

    public override bool UserOwnsPasidTable => true;

    public override bool NestsOnHwpt => true;

    public override IReadOnlyList<SysfsAttribute> SysfsAttributes => [new("tiny-iommu/version", "7")];

    public override bool SupportsDirtyTracking(Endpoint endpoint) => false;

    public override bool EnforcesCoherency(Endpoint endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        return endpoint.Id.ToString() != _incoherent;
    }

    public override IReadOnlyList<ReservedRegion> ReservedRegions(Endpoint endpoint) => _reserved;

    public override bool TryGetHardwareInfo(Endpoint endpoint, uint type, out HardwareInfo info)
    {
        info = type switch
        {
            HardwareInfo.DefaultType or TinyInfo.Type => Info(
                TinyInfo.Type, new TinyInfo { PageShift = TinyDomain.PageShift, PasidBits = (uint)_pasidBits }),
            TinyDeviceInfo.Type => Info(type, new TinyDeviceInfo { Coherent = EnforcesCoherency(endpoint) ? 1u : 0 }),
            _ => HardwareInfo.None,
        };
        return info != HardwareInfo.None;
    }

    public override string? NameOf(UserDataKind kind, uint type) =>
        type is TinyTable.Type or TinyInvalidation.Type ? "TINY" : null;

    public override IommuStatus CreatePagingDomain(
        Endpoint endpoint, PagingDomainOptions options, UserData? data, MappingTable mappings, out PagingDomain? domain)
    {
        domain = data is null ? new PagingDomain(this, mappings, options) : null;
        return data is null ? IommuStatus.Ok : IommuStatus.NotSupported;
    }

    public override IommuStatus CreateNestedDomain(
        PagingDomain parent, PagingDomainOptions options, UserData data, out NestedDomain? domain)
    {
        ArgumentNullException.ThrowIfNull(data);
        domain = null;
        if (data.Type != TinyTable.Type) return IommuStatus.NotSupported;
        IommuStatus status = data.TryRead(TinyTable.Type, 16, out TinyTable table);
        if (status == IommuStatus.Ok) domain = new TinyDomain(parent, table);
        return status;
    }

    public override FaultSyndrome SyndromeOf(FaultReason reason, bool isWrite) => new(TinyFault.Blocked);

    public override void Report(Endpoint endpoint, in DmaFault fault) => _reported.Enqueue(fault);

    private static HardwareInfo Info<T>(uint type, T structure) where T : unmanaged =>
        new(type, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in structure)).ToArray());
}
