using Ioasis.Memory;

namespace Ioasis.Units.Vtd.FirstStage;

/// <summary>
/// Sees the steps of a walk: to show them, or to cache them. A walk is compiled for each structure that implements
/// this; <see cref="NoObserver"/> leaves no code.
/// </summary>
internal interface IFirstStageObserver
{
    /// <summary>An entry was read, or read again after the guest changed it.</summary>
    void Read(int level, Gpa address, ulong entry);

    /// <summary>
    /// An entry permits the request and leads to a table. A later walk for an address that it translates may start
    /// there.
    /// </summary>
    void Descend(FirstStageStep next);
}

/// <summary>Sees nothing.</summary>
internal readonly struct NoObserver : IFirstStageObserver
{
    /// <inheritdoc/>
    public void Read(int level, Gpa address, ulong entry)
    {
    }

    /// <inheritdoc/>
    public void Descend(FirstStageStep next)
    {
    }
}
