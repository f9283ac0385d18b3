namespace Ioasis.Units.Vtd;

/// <summary>The Capability Register (VT-d specification, 11.4.2).</summary>
internal readonly struct VtdCapability(ulong value)
{
    // There are no fault recording or IOTLB registers, as nobody maps the unit's MMIO. Their offsets are those of
    // Intel's own units.
    private const ulong FaultRecordingOffset = 0x40; // in units of 16 bytes

    internal ulong Value => value;

    /// <summary>The register of a unit with these features.</summary>
    internal static VtdCapability Of(VtdFeatures features)
    {
        ulong levels = features.AddressBits switch { 39 => 1UL << 1, 48 => 1UL << 2, _ => 1UL << 3 };
        return new VtdCapability(
            6UL                                             // ND: 2^16 domains
            | (levels << 8)                                 // SAGAW
            | ((ulong)(features.AddressBits - 1) << 16)     // MGAW
            | (1UL << 22)                                   // ZLR: zero-length reads of write-only pages
            | (FaultRecordingOffset << 24)                  // FRO
            | ((features.Pages2M ? 1UL : 0) << 34)          // SLLPS, bit 0
            | ((features.Pages1G ? 1UL : 0) << 35)          // SLLPS, bit 1
            | (1UL << 39)                                   // PSI: page-selective invalidation
            | (0UL << 40)                                   // NFR: one fault recording register
            | (18UL << 48)                                  // MAMV: up to 2^18 pages in one invalidation
            | ((features.Nesting && features.FirstStage1G ? 1UL : 0) << 56)     // FS1GP
            | ((features.Nesting && features.FirstStage5Level ? 1UL : 0) << 60) // FS5LP
            | (1UL << 54) | (1UL << 55));                   // DWD, DRD: draining of writes and reads
    }
}
