using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Iommufd.Objects;

/// <summary>A page table that an IOAS fills (Linux: struct iommufd_hwpt_paging).</summary>
public sealed class HwptPaging : IommufdHwpt
{
    private readonly ObjectTable _objects;
    private readonly PagingDomain _domain;
    private LinkedListNode<HwptPaging>? _listed; // while the IOAS lists it

    private HwptPaging(ObjectTable objects, IommufdIoas ioas, PagingDomain domain)
    {
        _objects = objects;
        _domain = domain;
        domain.Holder = this;
        Ioas = ioas;
        objects.AddUser(ioas);
    }

    internal override long Cost => 1536;

    /// <summary>The IOAS whose mappings it uses.</summary>
    public IommufdIoas Ioas { get; }

    /// <inheritdoc/>
    public override IommuDomain Domain => _domain;

    /// <summary>The domain, with its own type.</summary>
    internal PagingDomain PagingDomain => _domain;

    /// <summary>Whether it can record what devices write.</summary>
    internal bool TracksDirty => (_domain.Options & PagingDomainOptions.DirtyTracking) != 0;

    /// <summary>Bytes that are dirty together.</summary>
    internal ulong DirtyPageSize => _domain.Mappings.PageSize;

    /// <summary>Whether users' first stages can be nested on it.</summary>
    internal bool IsNestParent => (_domain.Options & PagingDomainOptions.NestParent) != 0;

    /// <summary>
    /// Whether DMA of the device that it was made for is always coherent, whatever the device requests.
    /// </summary>
    internal bool EnforcesCoherency { get; private init; }

    /// <summary>
    /// Whether it was made by attaching to an IOAS, not by a program's request. It then goes with its last device.
    /// </summary>
    internal bool IsAutomatic { get; set; }

    /// <summary>
    /// Makes one for a device, without mappings: call <see cref="Fill"/> next. The caller holds the IOAS's HWPT lock
    /// until it commits or disposes of the result.
    /// </summary>
    internal static Errno Prepare(
        ObjectTable objects, IommufdIoas ioas, Endpoint endpoint, uint flags, UserData? data,
        out ObjectTable.Pending<HwptPaging>? pending)
    {
        const uint valid = IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_ALLOC_DIRTY_TRACKING | IOMMU_HWPT_FAULT_ID_VALID
            | IOMMU_HWPT_ALLOC_PASID;
        const uint faultsOnNestParent = IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_NEST_PARENT;
        pending = null;
        if ((flags & ~valid) != 0) return Errno.EOPNOTSUPP.Because($"flags 0x{flags:x} have an unknown bit");
        if ((flags & faultsOnNestParent) == faultsOnNestParent)
            return Errno.EOPNOTSUPP.Because("a nest parent has no fault queue");
        if ((flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING) != 0 && !endpoint.Unit.SupportsDirtyTracking(endpoint))
            return Errno.EOPNOTSUPP.Because("the device's IOMMU does not track dirty pages");

        var options = (PagingDomainOptions)(flags & ~IOMMU_HWPT_FAULT_ID_VALID);
        IommuStatus status = endpoint.Unit.CreatePagingDomain(
            endpoint, options, data, ioas.Table.MappingsFor(endpoint.Unit.PageSizes), out PagingDomain? domain);
        if (status != IommuStatus.Ok) return status.ToErrno();
        var created = new HwptPaging(objects, ioas, domain!)
        {
            PasidCompatible = (flags & IOMMU_HWPT_ALLOC_PASID) != 0,
            EnforcesCoherency = endpoint.Unit.EnforcesCoherency(endpoint),
        };
        return objects.TryReserve(created, out pending);
    }

    /// <summary>Enters all mappings of the IOAS, and future ones.</summary>
    internal Errno Fill()
    {
        Errno errno = Ioas.Table.AddDomain(_domain);
        if (errno != Errno.None) return errno;
        _listed = Ioas.Hwpts.Add(this);
        return Errno.None;
    }

    internal override void Destroy()
    {
        if (_listed is not null)
        {
            Ioas.Hwpts.Remove(_listed);
            Ioas.Table.RemoveDomain(_domain);
        }

        ReleaseFaults();
        _objects.RemoveUser(Ioas);
    }
}
