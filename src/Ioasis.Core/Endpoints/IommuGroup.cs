using Ioasis.Core.Domains;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.Endpoints;

/// <summary>
/// Endpoints that the IOMMU cannot keep apart, so that their DMA has one kind of owner (Linux: struct iommu_group).
/// </summary>
/// <remarks>
/// <para>The DMA of a group belongs to nobody; to drivers in the host, any number of them; or to one owner alone, such
/// as a program's context.</para>
/// <para>A driver in the host may hand PASIDs of its device to programs. Each such subdevice holds a claim of the
/// driver's, and the program's context attaches the PASID. So two contexts use two subdevices of one device.</para>
/// <para>Requests without PASID rest on the group's default domain, if it has one, until an owner claims the group:
/// then they are blocked until that owner attaches something.</para>
/// </remarks>
public sealed partial class IommuGroup
{
    // Guards the claims and the default domain, and is held while the endpoints go from one to the other. Taken before
    // an endpoint's lock.
    private readonly RankedLock _lock = new(LockRank.GroupUsers);
    private readonly Dictionary<object, int> _owners = new(ReferenceEqualityComparer.Instance); // and their claims
    private bool _isExclusive; // one owner has it alone
    private volatile IommuDomain? _resting;

    /// <summary>Makes an empty group.</summary>
    /// <param name="id">Its number below /sys/kernel/iommu_groups.</param>
    public IommuGroup(int id) => Id = id;

    /// <summary>Its number below /sys/kernel/iommu_groups.</summary>
    public int Id { get; }

    /// <summary>What the group says it is, in its <c>name</c> below sysfs; null for nothing.</summary>
    public string? Name { get; init; }

    /// <summary>Its members.</summary>
    public IReadOnlyList<Endpoint> Endpoints { get; private set; } = [];

    /// <summary>
    /// The domain of requests without PASID while no owner has the group alone; null where they are blocked (Linux:
    /// iommu_group.default_domain).
    /// </summary>
    public IommuDomain? DefaultDomain { get; private set; }

    /// <summary>What a detached requester ID goes to at this moment; null for nothing, which blocks it.</summary>
    internal IommuDomain? Resting => _resting;

    /// <summary>Whether anybody has a claim on the group (Linux: iommu_group_dma_owner_claimed).</summary>
    public bool IsClaimed
    {
        get { using (_lock.Enter()) return _owners.Count != 0; }
    }

    /// <summary>The owners, with the number of claims that each has. More than one are drivers in the host.</summary>
    public IReadOnlyDictionary<object, int> Owners
    {
        get { using (_lock.Enter()) return new Dictionary<object, int>(_owners, ReferenceEqualityComparer.Instance); }
    }

    /// <summary>
    /// Claims the DMA of the whole group for one owner, who may do so any number of times (Linux:
    /// iommu_device_claim_dma_owner).
    /// </summary>
    /// <param name="owner">The owner, compared by reference: an open /dev/iommu, for instance.</param>
    /// <param name="claim">The claim, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns>
    /// <see cref="IommuStatus.Busy"/> when somebody else has a claim, or something is attached.
    /// <see cref="IommuStatus.Invalid"/> when a member has a direct region that is not relaxable: its DMA must not be
    /// blocked.
    /// </returns>
    internal IommuStatus Claim(object owner, out GroupClaim? claim) => Add(owner, isExclusive: true, out claim);

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
    internal IommuStatus UseDefaultDomain(object driver, out GroupClaim? claim) =>
        Add(driver, isExclusive: false, out claim);

    /// <summary>
    /// Gives the group another default domain; its members move there without a gap. Members that joined since are put
    /// on the domain by the same call with the same domain (Linux: iommu_setup_default_domain).
    /// </summary>
    /// <param name="domain">Blocking, identity or paging; null to block.</param>
    /// <returns>
    /// Busy when somebody has a claim on the group or a PASID is attached, as both count on the domain; Invalid for a
    /// domain of another kind; what a unit says. Nothing has changed then.
    /// </returns>
    public IommuStatus SetDefaultDomain(IommuDomain? domain)
    {
        if (domain is not (null or BlockingDomain or IdentityDomain or PagingDomain)) return IommuStatus.Invalid;
        using (_lock.Enter())
        {
            if (domain != DefaultDomain && IsInUse) return IommuStatus.Busy;
            IommuStatus status = Rest(domain);
            if (_dma?.Domain != DefaultDomain) _dma = null;
            return status;
        }
    }

    internal void Release(object owner)
    {
        using (_lock.Enter())
        {
            if (--_owners[owner] != 0) return;
            _owners.Remove(owner);
            if (!_isExclusive) return;
            _isExclusive = false;
            _resting = DefaultDomain; // before the members move: one that is detached meanwhile goes there by itself
            RestAll(DefaultDomain); // a member whose unit refuses now stays blocked
        }
    }

    internal void Add(Endpoint endpoint)
    {
        using (_lock.Enter()) Endpoints = [.. Endpoints, endpoint];
    }

    /// <summary>Takes a device that is unplugged out of the group, and out of its default domain.</summary>
    /// <param name="endpoint">The device; if it is not of the group, nothing happens.</param>
    public void Remove(Endpoint endpoint)
    {
        using (_lock.Enter())
        {
            Endpoints = [.. Endpoints.Where(e => e != endpoint)];
            endpoint.Rest(null);
        }
    }

    private IommuStatus Add(object owner, bool isExclusive, out GroupClaim? claim)
    {
        ArgumentNullException.ThrowIfNull(owner);
        claim = null;
        using (_lock.Enter())
        {
            if (!Admits(owner, isExclusive))
                return IommuStatus.Busy.Because("the device's group is bound to another context, or used by a driver");
            if (isExclusive && RequiresDirect)
                return IommuStatus.Invalid.Because(
                    "the firmware needs direct mappings for the device, which a program's context would take away");
            _owners[owner] = _owners.GetValueOrDefault(owner) + 1;
            if (isExclusive && !_isExclusive)
            {
                _isExclusive = true;
                _resting = null;
                RestAll(null);
            }

            claim = new GroupClaim(this, owner, isExclusive);
            return IommuStatus.Ok;
        }
    }

    /// <summary>
    /// Makes a domain the default one and moves the members there, or changes nothing. With the lock held.
    /// </summary>
    private IommuStatus Rest(IommuDomain? domain)
    {
        IommuStatus status = _isExclusive ? IommuStatus.Ok : RestAll(domain);
        if (status == IommuStatus.Ok)
        {
            DefaultDomain = domain;
            _resting = _isExclusive ? null : domain;
        }
        else
        {
            RestAll(DefaultDomain);
        }

        return status;
    }

    private IommuStatus RestAll(IommuDomain? domain)
    {
        IommuStatus status = IommuStatus.Ok;
        foreach (Endpoint endpoint in Endpoints)
        {
            IommuStatus one = endpoint.Rest(domain);
            if (status == IommuStatus.Ok) status = one;
        }

        return status;
    }

    private bool Admits(object owner, bool isExclusive)
    {
        if (_owners.Count == 0) return !isExclusive || !Endpoints.Any(e => e.HasAttachments);
        if (isExclusive != _isExclusive) return false;
        return _owners.ContainsKey(owner) || (!isExclusive && !Endpoints.Any(e => e.HasAttachments));
    }
}
