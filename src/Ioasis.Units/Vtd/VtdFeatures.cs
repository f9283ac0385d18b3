using Ioasis.Core.Units;
using Ioasis.Memory;

namespace Ioasis.Units.Vtd;

/// <summary>
/// The features of an Intel VT-d unit. Its capability registers are computed from them, and they are enforced.
/// </summary>
public sealed record VtdFeatures
{
    /// <summary>
    /// Width of the I/O virtual addresses that it translates, in bits: 39, 48 or 57. It has as many levels of tables as
    /// that takes.
    /// </summary>
    public int AddressBits { get; init; } = 48;

    /// <summary>Whether its second-stage tables have 2 MiB leaves.</summary>
    public bool Pages2M { get; init; } = true;

    /// <summary>Whether its second-stage tables have 1 GiB leaves.</summary>
    public bool Pages1G { get; init; } = true;

    /// <summary>
    /// Whether its second stage records which pages devices write, by accessed and dirty bits. This needs scalable
    /// mode.
    /// </summary>
    public bool DirtyTracking { get; init; } = true;

    /// <summary>
    /// Whether users can nest first stages of their own on its second stage (NEST, FSTS). This needs scalable mode.
    /// </summary>
    public bool Nesting { get; init; } = true;

    /// <summary>Whether a first stage can have 5 levels (FS5LP).</summary>
    public bool FirstStage5Level { get; init; } = true;

    /// <summary>Whether a first stage can have 1 GiB leaves (FS1GP). It can always have 2 MiB leaves.</summary>
    public bool FirstStage1G { get; init; } = true;

    /// <summary>Whether a first stage can serve supervisors' requests (SRS).</summary>
    public bool SupervisorRequests { get; init; } = true;

    /// <summary>Whether the unit can set the extended accessed flag in a first stage's entries (EAFS).</summary>
    public bool ExtendedAccessed { get; init; } = true;

    /// <summary>How many PASID bits devices may use (PSS); 0 for none.</summary>
    public int PasidBits { get; init; } = 20;

    /// <summary>Whether devices can keep translations (DT) and ask for pages (PRS).</summary>
    public bool PageRequests { get; init; } = true;

    /// <summary>
    /// How many translations of a first stage are cached: null for all that were used, up to 65536; 0 for none.
    /// </summary>
    public int? IotlbEntries { get; init; }

    /// <summary>
    /// How many entries of a first stage that lead to tables are cached: null for all that were used, up to 65536; 0
    /// for none.
    /// </summary>
    public int? StructureEntries { get; init; }

    /// <summary>
    /// Whether it is in scalable mode: it translates by PASID tables (SMTS), which all later features need.
    /// </summary>
    internal bool IsScalable => DirtyTracking || Nesting || PasidBits > 0;

    /// <summary>
    /// Ranges that programs cannot map for devices behind it, beside the interrupt window; and regions of memory that
    /// firmware keeps for one device (RMRR).
    /// </summary>
    public IReadOnlyList<VtdReserved> Reserved { get; init; } = [];

    /// <summary>Reads the features from a machine's description.</summary>
    internal static VtdFeatures Of(UnitProperties unit)
    {
        const int mostEntries = 1 << 20;
        ulong bits = unit.Unsigned("addressBits") ?? 48;
        if (bits is not (39 or 48 or 57))
            throw unit.Mistake("addressBits", $"a VT-d unit translates 39, 48 or 57 address bits, not {bits}");
        return new VtdFeatures
        {
            AddressBits = (int)bits,
            Pages2M = unit.Boolean("pages2M", true),
            Pages1G = unit.Boolean("pages1G", true),
            DirtyTracking = unit.Boolean("dirtyTracking", true),
            Nesting = unit.Boolean("nesting", true),
            FirstStage5Level = unit.Boolean("firstStage5Level", true),
            FirstStage1G = unit.Boolean("firstStage1G", true),
            PasidBits = unit.Count("pasidBits", Pasid.Bits, "PASIDs have up to 20 bits") ?? Pasid.Bits,
            PageRequests = unit.Boolean("pageRequests", true),
            IotlbEntries = unit.Count("iotlbEntries", mostEntries, "a unit keeps up to 1048576 entries"),
            StructureEntries = unit.Count("structureEntries", mostEntries, "a unit keeps up to 1048576 entries"),
            Reserved = [.. unit.List("reserved", "a reserved range").Select(RangeOf)],
        };
    }

    private static VtdReserved RangeOf(UnitProperties range)
    {
        string kind = range.String("kind") ?? "reserved", device = range.String("device") ?? "";
        ReservedKind what = kind switch
        {
            "reserved" => ReservedKind.Reserved,
            "direct" => ReservedKind.Direct,
            "direct-relaxable" => ReservedKind.DirectRelaxable,
            _ => throw range.Mistake("kind", $"a range is reserved, direct or direct-relaxable, not \"{kind}\""),
        };
        RequesterId address = default;
        if (device.Length != 0 && !RequesterId.TryParse(device, out address))
            throw range.Mistake("device", $"\"{device}\" is not an address such as 1000:00:03.0");
        ulong first = range.Unsigned("first")
            ?? throw range.Mistake("", "a reserved range needs \"first\", such as \"0x1000\"");
        ulong last = range.Unsigned("last")
            ?? throw range.Mistake("", "a reserved range needs \"last\", such as \"0x1fff\"");
        return last >= first
            ? new VtdReserved(new ReservedRegion(new IovaRange(first, last), what),
                device.Length == 0 ? null : address)
            : throw range.Mistake("last",
                $"a range ends at or after its first address, not at 0x{last:x} before 0x{first:x}");
    }
}

/// <summary>Addresses that are reserved for devices behind a VT-d unit.</summary>
/// <param name="Region">The addresses, and why they are reserved.</param>
/// <param name="Device">The one device that they are reserved for; null for all.</param>
public sealed record VtdReserved(ReservedRegion Region, RequesterId? Device = null);
