namespace Ioasis.Core.Endpoints;

/// <summary>
/// Endpoints that the IOMMU cannot keep apart, so that their DMA has one kind of owner (Linux: struct iommu_group).
/// </summary>
/// <remarks>
/// <para>The DMA of a group belongs to nobody; to drivers in the host, any number of them; or to one owner alone, such
/// as a program's context.</para>
/// <para>A driver in the host may hand PASIDs of its device to programs. Each such subdevice holds a claim of the
/// driver's, and the program's context attaches the PASID. So two contexts use two subdevices of one device.</para>
/// </remarks>
public sealed class IommuGroup
{
    // Guards the claims. Taken before any endpoint's lock; nothing is locked while it is held.
    private readonly Lock _lock = new();
    private readonly Dictionary<object, int> _owners = new(ReferenceEqualityComparer.Instance); // and their claims
    private bool _isExclusive; // one owner has it alone

    /// <summary>Makes an empty group.</summary>
    /// <param name="id">Its number below /sys/kernel/iommu_groups.</param>
    public IommuGroup(int id) => Id = id;

    /// <summary>Its number below /sys/kernel/iommu_groups.</summary>
    public int Id { get; }

    /// <summary>Its members.</summary>
    public IReadOnlyList<Endpoint> Endpoints { get; private set; } = [];

    /// <summary>Whether anybody has a claim on the group (Linux: iommu_group_dma_owner_claimed).</summary>
    public bool IsClaimed
    {
        get { lock (_lock) return _owners.Count != 0; }
    }

    /// <summary>The owners, with the number of claims that each has. More than one are drivers in the host.</summary>
    public IReadOnlyDictionary<object, int> Owners
    {
        get { lock (_lock) return new Dictionary<object, int>(_owners, ReferenceEqualityComparer.Instance); }
    }

    /// <summary>
    /// Claims the DMA of the whole group for one owner, who may do so any number of times (Linux:
    /// iommu_device_claim_dma_owner).
    /// </summary>
    /// <param name="owner">The owner, compared by reference: an open /dev/iommu, for instance.</param>
    /// <param name="claim">The claim, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns><see cref="IommuStatus.Busy"/> when somebody else has a claim, or something is attached.</returns>
    public IommuStatus Claim(object owner, out GroupClaim? claim) => Add(owner, isExclusive: true, out claim);

    /// <summary>
    /// A driver in the host begins to use a device of the group, or hands a PASID of it on. A driver may have any
    /// number of claims (Linux: iommu_device_use_default_domain).
    /// </summary>
    /// <param name="driver">The driver, compared by reference.</param>
    /// <param name="claim">The claim, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns>
    /// <see cref="IommuStatus.Busy"/> when an owner has the group alone, or when another driver of the group has
    /// attached something.
    /// </returns>
    public IommuStatus UseDefaultDomain(object driver, out GroupClaim? claim) =>
        Add(driver, isExclusive: false, out claim);

    internal void Release(object owner)
    {
        lock (_lock)
        {
            if (--_owners[owner] == 0) _owners.Remove(owner);
        }
    }

    internal void Add(Endpoint endpoint) => Endpoints = [.. Endpoints, endpoint];

    /// <summary>A device is no more, or did not come to be.</summary>
    internal void Remove(Endpoint endpoint) => Endpoints = [.. Endpoints.Where(e => e != endpoint)];

    private IommuStatus Add(object owner, bool isExclusive, out GroupClaim? claim)
    {
        ArgumentNullException.ThrowIfNull(owner);
        claim = null;
        lock (_lock)
        {
            if (!Admits(owner, isExclusive)) return IommuStatus.Busy;
            _owners[owner] = _owners.GetValueOrDefault(owner) + 1;
            _isExclusive = isExclusive;
            claim = new GroupClaim(this, owner, isExclusive);
            return IommuStatus.Ok;
        }
    }

    private bool Admits(object owner, bool isExclusive)
    {
        if (_owners.Count == 0) return !isExclusive || !Endpoints.Any(e => e.HasAttachments);
        if (isExclusive != _isExclusive) return false;
        return _owners.ContainsKey(owner) || (!isExclusive && !Endpoints.Any(e => e.HasAttachments));
    }
}
