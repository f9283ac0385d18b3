using System.Diagnostics.CodeAnalysis;
using Ioasis.Abi;
using Ioasis.Core.Units;
using Ioasis.Iommufd.Objects;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Iommufd.Sva;

/// <summary>A first stage of a user's own, on a nest parent or in a vIOMMU of a /dev/iommu.</summary>
internal sealed class GuestTable : SvaTable
{
    private readonly IommufdContext _context;
    private readonly ObjectTable.Pending<IommufdHwpt> _hwpt; // no program can name it

    private GuestTable(IommufdContext context, ObjectTable.Pending<IommufdHwpt> hwpt)
    {
        _context = context;
        _hwpt = hwpt;
        context.AddReference();
    }

    internal override HwptNested Nested => (HwptNested)_hwpt.Value;

    /// <summary>Makes a table.</summary>
    /// <param name="context">The open /dev/iommu.</param>
    /// <param name="parent">The object that it is nested in, held by the caller.</param>
    /// <param name="data">The description of the first stage.</param>
    /// <param name="faults">The queue for its page requests; null refuses them.</param>
    /// <param name="table">The table.</param>
    /// <returns>EINVAL if the parent is no nest parent or vIOMMU, or the unit's error.</returns>
    internal static Errno TryCreate(
        IommufdContext context, IommufdObject parent, UserData data, IommufdFaultQueue? faults,
        [NotNullWhen(true)] out SvaTable? table)
    {
        table = null;
        ObjectTable.Pending<IommufdHwpt>? prepared = null;
        Errno errno = parent switch
        {
            HwptPaging hwpt => HwptNested.Prepare(context.Objects, hwpt, hwpt.Domain.Owner, IOMMU_HWPT_ALLOC_PASID,
                data, out prepared),
            IommufdViommu viommu =>
                HwptNested.Prepare(context.Objects, viommu, IOMMU_HWPT_ALLOC_PASID, data, out prepared),
            _ => Errno.EINVAL.Because("the object is neither a HWPT nor a vIOMMU, which a guest's table needs"),
        };
        if (errno != Errno.None) return errno;
        if (faults is not null) prepared!.Value.SetFaults(faults);
        table = new GuestTable(context, prepared!);
        return Errno.None;
    }

    internal override Errno TryGet(IommufdDevice device, out IommufdHwpt? hwpt)
    {
        hwpt = _hwpt.Value;
        return Errno.None;
    }

    public override void Dispose()
    {
        _hwpt.Dispose();
        _context.Release();
    }
}
