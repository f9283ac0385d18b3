namespace Ioasis.Core.Endpoints;

/// <summary>
/// One claim on the DMA of a group. It counts until it is disposed; after the last one the group belongs to nobody.
/// </summary>
internal sealed class GroupClaim : IDisposable
{
    private int _isGivenBack;

    internal GroupClaim(IommuGroup group, object owner, bool isExclusive)
    {
        Group = group;
        Owner = owner;
        IsExclusive = isExclusive;
    }

    /// <summary>The group.</summary>
    public IommuGroup Group { get; }

    /// <summary>The owner: a program's context, or a driver in the host.</summary>
    public object Owner { get; }

    /// <summary>Whether the owner has the group alone, and not beside other drivers in the host.</summary>
    public bool IsExclusive { get; }

    /// <summary>Gives the claim back. A second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isGivenBack, 1) == 0) Group.Release(Owner);
    }
}
