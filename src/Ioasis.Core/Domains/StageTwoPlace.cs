using Ioasis.PageTables;

namespace Ioasis.Core.Domains;

/// <summary>
/// A place in the mappings of a second stage where a look-up can begin: see <see cref="StageTwo.Near"/>.
/// </summary>
public readonly struct StageTwoPlace
{
    internal StageTwoPlace(IovaNode? node) => Node = node;

    internal IovaNode? Node { get; }

    /// <summary>Whether it is a place; the default value is not.</summary>
    public bool IsKnown => Node is not null;
}
