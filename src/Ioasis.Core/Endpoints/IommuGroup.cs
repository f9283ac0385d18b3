namespace Ioasis.Core.Endpoints;

/// <summary>
/// Endpoints that the IOMMU cannot keep apart, so that they have one owner and one page table (Linux: struct iommu_group).
/// </summary>
public sealed class IommuGroup
{
    // Guards the owner. Taken before any endpoint's lock.
    private readonly Lock _lock = new();
    private object? _owner;
    private int _claims;

    /// <summary>Makes an empty group.</summary>
    /// <param name="id">Its number below /sys/kernel/iommu_groups.</param>
    public IommuGroup(int id) => Id = id;

    /// <summary>Its number below /sys/kernel/iommu_groups.</summary>
    public int Id { get; }

    /// <summary>Its members.</summary>
    public IReadOnlyList<Endpoint> Endpoints { get; private set; } = [];

    /// <summary>Whether DMA of the group has an owner.</summary>
    public bool IsClaimed
    {
        get { lock (_lock) return _owner is not null; }
    }

    /// <summary>Claims DMA of the whole group for one owner; the same owner may claim again (Linux: iommu_device_claim_dma_owner).</summary>
    /// <returns><see cref="IommuStatus.Busy"/> when another owner has it.</returns>
    public IommuStatus Claim(object owner)
    {
        lock (_lock)
        {
            if (_owner is not null && _owner != owner) return IommuStatus.Busy;
            _owner = owner;
            _claims++;
            return IommuStatus.Ok;
        }
    }

    /// <summary>Gives one claim back; after the last one the group is nobody's.</summary>
    public void Release()
    {
        lock (_lock)
        {
            if (--_claims == 0) _owner = null;
        }
    }

    internal void Add(Endpoint endpoint) => Endpoints = [.. Endpoints, endpoint];
}
