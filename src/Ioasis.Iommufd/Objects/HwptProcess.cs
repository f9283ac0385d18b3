using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// A page table that is a process's own address space: devices use the process's pointers, with a PASID.
/// </summary>
public sealed class HwptProcess : IommufdHwpt
{
    private readonly ProcessDomain _domain;

    private HwptProcess(ProcessDomain domain)
    {
        _domain = domain;
        domain.Holder = this;
    }

    /// <inheritdoc/>
    public override IommuDomain Domain => _domain;

    /// <summary>Makes one for a device whose unit supports PASIDs.</summary>
    internal static Errno Prepare(
        ObjectTable objects, Endpoint endpoint, AddressSpace process, uint flags, UserData data,
        out ObjectTable.Pending<IommufdHwpt>? pending)
    {
        pending = null;
        if ((flags & ~IommufdH.IOMMU_HWPT_ALLOC_PASID) != 0)
            return Errno.EOPNOTSUPP.Because(
                $"flags are 0x{flags:x}; a process's page table has no other than IOMMU_HWPT_ALLOC_PASID");
        IommuStatus status = data.TryRead(IoasisH.IOASIS_HWPT_DATA_PROCESS, sizeof(ulong),
            out IoasisHwptProcess config);
        if (status != IommuStatus.Ok) return status.ToErrno();
        if (config.Flags != 0 || config.Reserved != 0)
            return Errno.EOPNOTSUPP.Because("the flags and the reserved field of the data must be 0");
        if (endpoint.Unit.MaxPasidLog2 == 0) return Errno.EOPNOTSUPP.Because("the device's IOMMU has no PASIDs");
        return objects.TryReserve<IommufdHwpt>(New(endpoint.Unit, process), out pending);
    }

    /// <summary>Makes one for devices behind any unit that supports PASIDs.</summary>
    /// <param name="objects">The context's objects.</param>
    /// <param name="unit">The unit of the first device.</param>
    /// <param name="process">The process's memory.</param>
    internal static ObjectTable.Pending<IommufdHwpt> Reserve(
        ObjectTable objects, IommuUnit unit, AddressSpace process) =>
        objects.Reserve<IommufdHwpt>(New(unit, process));

    private static HwptProcess New(IommuUnit unit, AddressSpace process) =>
        new(new ProcessDomain(unit, process)) { PasidCompatible = true };

    internal override void Destroy() => ReleaseFaults();
}
