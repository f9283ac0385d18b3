using Ioasis.Memory;
using Ioasis.PageTables.X64;

namespace Ioasis.Units.Vtd.FirstStage;

/// <summary>
/// The state of a walk before it reads an entry. A walk can start at a step that an earlier walk reported. It skips the
/// entries above, in which A is set, as hardware does with its paging-structure caches (VT-d specification, 6.2.5).
/// </summary>
internal readonly record struct FirstStageStep
{
    // All of it in one word: the table's address ends in zeroes.
    private const ulong LevelMask = 7 << LevelAt;
    private const int LevelAt = 3;
    private readonly ulong _step;

    /// <summary>Makes a step.</summary>
    internal FirstStageStep(int level, Gpa table, X64Rights rights) =>
        _step = table.Value | ((ulong)level << LevelAt) | (ulong)rights;

    /// <summary>The level of the entry to be read.</summary>
    internal int Level => (int)(_step & LevelMask) >> LevelAt;

    /// <summary>The address of its table, a multiple of 4 KiB.</summary>
    internal Gpa Table => new(_step & ~0xfffUL);

    /// <summary>The rights that all entries above it grant.</summary>
    internal X64Rights Rights => (X64Rights)_step & X64Rights.All;
}
