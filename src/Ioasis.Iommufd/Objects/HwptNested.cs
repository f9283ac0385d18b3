using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Units;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Iommufd.Objects;

/// <summary>A page table whose first stage the program owns (Linux: struct iommufd_hwpt_nested).</summary>
public sealed class HwptNested : IommufdHwpt
{
    private const uint ValidFlags = IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID;
    private readonly ObjectTable _objects;
    private readonly NestedDomain _domain;
    private readonly IommufdObject _holds;

    private HwptNested(ObjectTable objects, HwptPaging parent, NestedDomain domain, IommufdObject holds)
    {
        _objects = objects;
        _domain = domain;
        domain.Holder = this;
        _holds = holds;
        Parent = parent;
        objects.AddUser(holds);
    }

    internal override long Cost => 3072;

    /// <summary>Its second stage.</summary>
    public HwptPaging Parent { get; }

    /// <inheritdoc/>
    public override IommuDomain Domain => _domain;

    /// <summary>The domain, with its own type.</summary>
    internal NestedDomain NestedDomain => _domain;

    /// <summary>Makes one on a paging HWPT, for devices behind a unit.</summary>
    internal static Errno Prepare(
        ObjectTable objects, HwptPaging parent, IommuUnit unit, uint flags, UserData? data,
        out ObjectTable.Pending<IommufdHwpt>? pending)
    {
        pending = null;
        if ((flags & ~ValidFlags) != 0) return RefuseFlags(flags);
        if (data is null) return Errno.EOPNOTSUPP.Because("a HWPT on a nest parent needs data that say what it is");
        if (!unit.NestsOnHwpt) return Errno.EOPNOTSUPP.Because("this IOMMU nests on a vIOMMU, not on a HWPT");
        if (parent.IsAutomatic || !parent.IsNestParent || parent.Domain.Owner.GetType() != unit.GetType())
            return Errno.EINVAL.Because(
                "the parent must be a HWPT of the device's kind of IOMMU, made with IOMMU_HWPT_ALLOC_NEST_PARENT");
        IommuStatus status = unit.CreateNestedDomain(parent.PagingDomain, OptionsOf(flags), data,
            out NestedDomain? domain);
        if (status != IommuStatus.Ok) return status.ToErrno();
        return objects.TryReserve<IommufdHwpt>(
            new HwptNested(objects, parent, domain!, parent)
            {
                PasidCompatible = (flags & IOMMU_HWPT_ALLOC_PASID) != 0
            }, out pending);
    }

    /// <summary>Makes one in a vIOMMU.</summary>
    internal static Errno Prepare(
        ObjectTable objects, IommufdViommu viommu, uint flags, UserData? data,
        out ObjectTable.Pending<IommufdHwpt>? pending)
    {
        pending = null;
        if ((flags & ~ValidFlags) != 0) return RefuseFlags(flags);
        if (data is null) return Errno.EOPNOTSUPP.Because("a HWPT on a vIOMMU needs data that say what it is");
        IommuStatus status = viommu.Driver.CreateNestedDomain(OptionsOf(flags), data, out NestedDomain? domain);
        if (status != IommuStatus.Ok) return status.ToErrno();
        return objects.TryReserve<IommufdHwpt>(
            new HwptNested(objects, viommu.Parent, domain!, viommu)
            {
                PasidCompatible = (flags & IOMMU_HWPT_ALLOC_PASID) != 0
            }, out pending);
    }

    internal override void Destroy()
    {
        ReleaseFaults();
        _objects.RemoveUser(_holds);
    }

    private static PagingDomainOptions OptionsOf(uint flags) => (PagingDomainOptions)(flags & IOMMU_HWPT_ALLOC_PASID);

    private static Errno RefuseFlags(uint flags) => Errno.EOPNOTSUPP.Because(
        $"flags 0x{flags:x} have a bit other than IOMMU_HWPT_FAULT_ID_VALID and IOMMU_HWPT_ALLOC_PASID");
}
