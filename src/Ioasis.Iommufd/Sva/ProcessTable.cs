using Ioasis.Abi;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Sva;

/// <summary>A process's own address space, the same page table for all devices.</summary>
internal sealed class ProcessTable(IommufdContext objects, AddressSpace process) : SvaTable
{
    private ObjectTable.Pending<IommufdHwpt>? _hwpt; // no program can name it

    internal AddressSpace Process => process;

    internal override Errno TryGet(IommufdDevice device, out IommufdHwpt? hwpt)
    {
        _hwpt ??= HwptProcess.Reserve(objects.Objects, device.Endpoint.Unit, process);
        hwpt = _hwpt.Value;
        return Errno.None;
    }

    public override void Dispose() => _hwpt?.Dispose();
}
