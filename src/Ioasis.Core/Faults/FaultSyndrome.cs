namespace Ioasis.Core.Faults;

/// <summary>What a unit says of a fault in its own terms.</summary>
/// <param name="Code">The unit's number for the fault (VT-d: the fault reason of appendix A); 0 when it has
/// none.</param>
/// <param name="Stage">Which step of the translation failed.</param>
/// <param name="Detail">What else the unit's fault record tells, such as an SMMU's class; 0 for nothing.</param>
public readonly record struct FaultSyndrome(ushort Code, FaultStage Stage = FaultStage.None, byte Detail = 0)
{
    private const int DetailAt = 16, StageAt = 24;

    /// <summary>How many bits <see cref="Packed"/> has.</summary>
    internal const int PackedBits = 26;

    /// <summary>All of it in the low bits of one word, so that results with it are returned in registers.</summary>
    internal uint Packed => Code | ((uint)Detail << DetailAt) | ((uint)Stage << StageAt);

    internal static FaultSyndrome Unpack(uint packed) =>
        new((ushort)packed, (FaultStage)((packed >> StageAt) & 3), (byte)(packed >> DetailAt));
}
