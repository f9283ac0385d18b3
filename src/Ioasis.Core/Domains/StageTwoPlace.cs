using Ioasis.PageTables;

namespace Ioasis.Core.Domains;

/// <summary>
/// A place among the mappings of a second stage, where a look-up may begin: see <see cref="StageTwo.Near"/>.
/// </summary>
public readonly struct StageTwoPlace
{
    internal StageTwoPlace(IovaNode? node) => Node = node;

    internal IovaNode? Node { get; }

    /// <summary>Whether there is one: the default value is none.</summary>
    public bool IsKnown => Node is not null;
}
