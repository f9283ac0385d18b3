namespace Ioasis.Core.Endpoints;

/// <summary>
/// Endpoints that the IOMMU cannot keep apart, so that they have one owner and one page table (Linux: struct
/// iommu_group).
/// </summary>
public sealed class IommuGroup
{
    // Guards who uses the group. Taken before any endpoint's lock; nothing is locked while it is held.
    private readonly Lock _lock = new();
    private object? _owner; // null while drivers of ours use it, or nobody
    private int _uses;

    /// <summary>Makes an empty group.</summary>
    /// <param name="id">Its number below /sys/kernel/iommu_groups.</param>
    public IommuGroup(int id) => Id = id;

    /// <summary>Its number below /sys/kernel/iommu_groups.</summary>
    public int Id { get; }

    /// <summary>Its members.</summary>
    public IReadOnlyList<Endpoint> Endpoints { get; private set; } = [];

    /// <summary>
    /// Whether DMA of the group has an owner, or a driver of ours uses a device of it (Linux:
    /// iommu_group_dma_owner_claimed).
    /// </summary>
    public bool IsClaimed
    {
        get { lock (_lock) return _uses != 0; }
    }

    /// <summary>
    /// Claims DMA of the whole group for one owner; the same owner may claim again (Linux:
    /// iommu_device_claim_dma_owner).
    /// </summary>
    /// <returns><see cref="IommuStatus.Busy"/> when another owner has it, a driver of ours uses it, or something is
    /// attached.</returns>
    public IommuStatus Claim(object owner)
    {
        ArgumentNullException.ThrowIfNull(owner);
        lock (_lock)
        {
            if (_uses != 0 ? _owner != owner : Endpoints.Any(e => e.HasAttachments)) return IommuStatus.Busy;
            _owner = owner;
            _uses++;
            return IommuStatus.Ok;
        }
    }

    /// <summary>
    /// Gives one claim back; after the last one the group is nobody's (Linux: iommu_device_release_dma_owner).
    /// </summary>
    /// <exception cref="InvalidOperationException">It was not claimed.</exception>
    public void Release()
    {
        lock (_lock)
        {
            if (_owner is null) throw new InvalidOperationException("Nobody has claimed the group.");
            if (--_uses == 0) _owner = null;
        }
    }

    /// <summary>
    /// A driver of ours begins to use a device of the group by the DMA API or a process's pointers; any number may
    /// (Linux: iommu_device_use_default_domain).
    /// </summary>
    /// <returns><see cref="IommuStatus.Busy"/> when DMA of the group has an owner.</returns>
    public IommuStatus UseDefaultDomain()
    {
        lock (_lock)
        {
            if (_owner is not null) return IommuStatus.Busy;
            _uses++;
            return IommuStatus.Ok;
        }
    }

    /// <summary>Undoes one <see cref="UseDefaultDomain"/>; of that device nothing is attached any more.</summary>
    /// <exception cref="InvalidOperationException">No driver uses it.</exception>
    public void UnuseDefaultDomain()
    {
        lock (_lock)
        {
            if (_owner is not null || _uses == 0) throw new InvalidOperationException("No driver uses the group.");
            _uses--;
        }
    }

    internal void Add(Endpoint endpoint) => Endpoints = [.. Endpoints, endpoint];

    /// <summary>A device is no more, or did not come to be.</summary>
    internal void Remove(Endpoint endpoint) => Endpoints = [.. Endpoints.Where(e => e != endpoint)];
}
