namespace Ioasis.Units.Vtd;

/// <summary>The Extended Capability Register (VT-d specification, 11.4.3).</summary>
internal readonly struct VtdExtendedCapability(ulong value)
{
    private const ulong IotlbOffset = 0x50; // in units of 16 bytes

    internal ulong Value => value;

    /// <summary>
    /// What every unit of ours reports today: coherent table walks, queued invalidation, interrupt remapping with x2APIC IDs,
    /// pass-through, snoop control. No scalable mode, hence no first stage, PASIDs, nesting or page requests.
    /// </summary>
    internal static VtdExtendedCapability Legacy { get; } = new(
        (1UL << 0)                 // C: page walks are coherent
        | (1UL << 1)               // QI
        | (1UL << 3) | (1UL << 4)  // IR, EIM
        | (1UL << 6)               // PT
        | (1UL << 7)               // SC
        | (IotlbOffset << 8)       // IRO
        | (15UL << 20));           // MHMV
}
