using Ioasis.Abi;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Passthrough.Vdpa.Spaces;

/// <summary>
/// An address space that is attached to an IOAS or HWPT of the program's iommufd. Messages of the IOTLB are refused.
/// </summary>
internal sealed class IommufdSpace : VdpaSpace
{
    private readonly IommufdDevice _bound;

    private IommufdSpace(IommufdDevice bound) => _bound = bound;

    /// <summary>Attaches an address space.</summary>
    /// <param name="bound">The address space, bound to the program's context.</param>
    /// <param name="pageTable">IOAS or HWPT; on success the HWPT.</param>
    /// <param name="space">The space, if the result is <see cref="Errno.None"/>.</param>
    internal static Errno TryAttach(IommufdDevice bound, ref uint pageTable, out VdpaSpace? space)
    {
        Errno errno = bound.Attach(null, ref pageTable);
        space = errno == Errno.None ? new IommufdSpace(bound) : null;
        return errno;
    }

    /// <summary>Moves it to another page table without a gap.</summary>
    internal Errno Replace(ref uint pageTable) => _bound.Replace(null, ref pageTable);

    internal override void Close(VdpaOwner? owner) => _bound.Detach(null);
}
