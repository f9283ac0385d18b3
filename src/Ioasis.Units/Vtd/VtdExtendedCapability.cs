namespace Ioasis.Units.Vtd;

/// <summary>The Extended Capability Register (VT-d specification, 11.4.3).</summary>
internal readonly struct VtdExtendedCapability(ulong value)
{
    private const ulong IotlbOffset = 0x50; // in units of 16 bytes

    internal ulong Value => value;

    /// <summary>SC: the unit can make all DMA snoop the processors' caches.</summary>
    internal bool SnoopControl => (value & (1UL << 7)) != 0;

    /// <summary>
    /// The register of a unit with these features. All units have coherent table walks, queued invalidation, interrupt
    /// remapping with x2APIC IDs, pass-through and snoop control.
    /// </summary>
    internal static VtdExtendedCapability Of(VtdFeatures features) => new(
        (1UL << 0)                 // C: page walks are coherent
        | (1UL << 1)               // QI
        | (Bit(features.PageRequests) << 2) // DT
        | (1UL << 3) | (1UL << 4)  // IR, EIM
        | (1UL << 6)               // PT
        | (1UL << 7)               // SC
        | (IotlbOffset << 8)       // IRO
        | (15UL << 20)             // MHMV
        | (Bit(features.Nesting) << 26)
        | (Bit(features.PageRequests) << 29) // PRS
        | (Bit(features.Nesting && features.SupervisorRequests) << 31) // SRS
        | (Bit(features.Nesting && features.ExtendedAccessed) << 34)   // EAFS
        | (features.PasidBits > 0 ? ((ulong)(features.PasidBits - 1) << 35) | (1UL << 40) : 0) // PSS, PASID
        | (Bit(features.PageRequests) << 42) // PDS: page requests are drained
        | (features.IsScalable ? Scalable : 0)
        | (Bit(features.DirtyTracking) << 45) // SSADS
        | (Bit(features.Nesting) << 47));     // FSTS

    // SMTS, SSTS, SMPWCS: scalable mode, second stage, coherent walks
    private const ulong Scalable = (1UL << 43) | (1UL << 46) | (1UL << 48);

    private static ulong Bit(bool value) => value ? 1UL : 0;
}
