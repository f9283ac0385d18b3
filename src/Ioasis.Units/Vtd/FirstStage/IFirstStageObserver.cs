using Ioasis.Memory;

namespace Ioasis.Units.Vtd.FirstStage;

/// <summary>
/// Who is told what a walk does: one that shows it, or a cache of tables. Walks are compiled for each structure that
/// implements this; with <see cref="NoObserver"/> nothing of it is left.
/// </summary>
internal interface IFirstStageObserver
{
    /// <summary>An entry was read, or found changed by the guest and looked at again.</summary>
    void Read(int level, Gpa address, ulong entry);

    /// <summary>
    /// An entry was good for the request and leads to a table. A later walk in what it stands for may start there.
    /// </summary>
    void Descend(FirstStageStep next);
}

/// <summary>Nobody.</summary>
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
