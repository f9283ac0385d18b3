using Ioasis.Memory;

namespace Ioasis.Units.Vtd;

/// <summary>What an Intel VT-d unit of ours has. Its capability registers are computed from this, and this is what is enforced.</summary>
public sealed record VtdFeatures
{
    /// <summary>Width of the I/O virtual addresses that it translates, in bits: 39, 48 or 57 (as many table levels as that takes).</summary>
    public int AddressBits { get; init; } = 48;

    /// <summary>Whether its second-stage tables have 2 MiB leaves.</summary>
    public bool Pages2M { get; init; } = true;

    /// <summary>Whether its second-stage tables have 1 GiB leaves.</summary>
    public bool Pages1G { get; init; } = true;

    /// <summary>
    /// Whether its second stage records which pages devices write: accessed and dirty bits, for which it has scalable mode.
    /// </summary>
    public bool DirtyTracking { get; init; } = true;

    /// <summary>Ranges that no device behind it may use, beside the interrupt window that every unit keeps (as firmware reserves them: RMRR).</summary>
    public IReadOnlyList<IovaRange> Reserved { get; init; } = [];
}
