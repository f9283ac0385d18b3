using Ioasis.Abi;
using Ioasis.Iommufd.Objects;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Iommufd.Sva;

/// <summary>An IOAS of a /dev/iommu, with one HWPT over it for each kind of unit that devices are behind.</summary>
internal sealed class IoasTable : SvaTable
{
    private readonly IommufdContext _context;
    private readonly IommufdIoas _ioas;
    private readonly IommufdFaultQueue? _faults;
    private readonly List<ObjectTable.Pending<HwptPaging>> _hwpts = []; // no program can name them

    /// <summary>Keeps the IOAS, its context and the queue until disposed.</summary>
    internal IoasTable(IommufdContext context, IommufdIoas ioas, IommufdFaultQueue? faults)
    {
        _context = context;
        _ioas = ioas;
        _faults = faults;
        context.AddReference();
        context.Objects.AddUser(ioas);
        if (faults is not null) faults.Objects.AddUser(faults);
    }

    internal override Errno TryGet(IommufdDevice device, out IommufdHwpt? hwpt)
    {
        hwpt = _hwpts.Find(h => device.Endpoint.Unit.Accepts(h.Value.Domain))?.Value;
        if (hwpt is not null) return Errno.None;
        using (_ioas.HwptLock.Enter())
        {
            Errno errno = HwptPaging.Prepare(
                _context.Objects, _ioas, device.Endpoint, IOMMU_HWPT_ALLOC_PASID, null,
                out ObjectTable.Pending<HwptPaging>? prepared);
            if (errno != Errno.None) return errno;
            errno = prepared!.Value.Fill();
            if (errno != Errno.None)
            {
                prepared.Dispose();
                return errno;
            }

            if (_faults is not null) prepared.Value.SetFaults(_faults);
            _hwpts.Add(prepared);
            hwpt = prepared.Value;
            return Errno.None;
        }
    }

    public override void Dispose()
    {
        using (_ioas.HwptLock.Enter())
            foreach (ObjectTable.Pending<HwptPaging> hwpt in _hwpts) hwpt.Dispose();
        _context.Objects.RemoveUser(_ioas);
        if (_faults is not null) _faults.Objects.RemoveUser(_faults);
        _context.Release();
    }
}
