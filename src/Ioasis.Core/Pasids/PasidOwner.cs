namespace Ioasis.Core.Pasids;

/// <summary>Somebody who allocates PASIDs, and how many it may have.</summary>
internal sealed class PasidOwner
{
    /// <summary>PASIDs that an owner may have unless it is told otherwise.</summary>
    public const int DefaultQuota = 1000;

    /// <summary>PASIDs that it may have. One that has more keeps them and gets none.</summary>
    public int Quota { get; set; } = DefaultQuota;

    /// <summary>The shares that its PASIDs count in too; null while nobody was named.</summary>
    internal IReadOnlyList<PasidShare>? Shares { get; set; }

    /// <summary>PASIDs that it has.</summary>
    public int Count { get; internal set; }
}
