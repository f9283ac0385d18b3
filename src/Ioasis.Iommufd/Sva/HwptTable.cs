using Ioasis.Abi;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Iommufd.Sva;

/// <summary>A HWPT that a program made through /dev/iommu.</summary>
internal sealed class HwptTable : SvaTable
{
    private readonly IommufdContext _context;
    private readonly IommufdHwpt _hwpt;

    /// <summary>Keeps the HWPT and its context until disposed.</summary>
    internal HwptTable(IommufdContext context, IommufdHwpt hwpt)
    {
        _context = context;
        _hwpt = hwpt;
        context.AddReference();
        context.Objects.AddUser(hwpt);
    }

    internal override HwptNested? Nested => _hwpt as HwptNested;

    internal override Errno TryGet(IommufdDevice device, out IommufdHwpt? hwpt)
    {
        hwpt = _hwpt;
        return Errno.None;
    }

    public override void Dispose()
    {
        _context.Objects.RemoveUser(_hwpt);
        _context.Release();
    }
}
