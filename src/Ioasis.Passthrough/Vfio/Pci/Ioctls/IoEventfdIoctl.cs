using System.Numerics;
using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Passthrough.Vfio.Ioctls;
using Ioasis.Passthrough.Vfio.Pci.Interrupts;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Passthrough.Vfio.Pci.Ioctls;

/// <summary>IOEVENTFD: a write to a BAR that we make whenever an eventfd is signalled.</summary>
internal static class IoEventfdIoctl
{
    internal static SysResult Set(VfioPciDevice function, VfioCall call)
    {
        VfioDeviceIoeventfd request = call.Read<VfioDeviceIoeventfd>();
        uint width = request.Flags & VFIO_DEVICE_IOEVENTFD_SIZE_MASK;
        if ((request.Flags & ~VFIO_DEVICE_IOEVENTFD_SIZE_MASK) != 0 || BitOperations.PopCount(width) != 1
            || request.Fd < -1)
            return Errno.EINVAL.Because(
                $"flags 0x{request.Flags:x} are not one size, or descriptor {request.Fd} is below -1");
        if (!VfioPciDevice.TryRegion(request.Offset, out uint index, out ulong position))
            return Errno.EINVAL.Because($"offset 0x{request.Offset:x} is in no region of the device");
        if (function.FindBar(index) is not { } bar || position + width > bar.Size || width == 8)
            return Errno.EINVAL.Because(
                $"offset 0x{request.Offset:x} with {width} bytes is in no BAR, or the write has 8 bytes");
        if (function.Function.Msix is { } msix && msix.Bar == bar.Index && position + width > msix.TableOffset
            && position < msix.TableOffset + ((ulong)msix.Vectors * PciRegs.PCI_MSIX_ENTRY_SIZE))
            return Errno.EINVAL.Because("the write is to the table of MSI-X");
        ulong data = request.Data & ((1UL << (int)(width * 8)) - 1);
        var write = new IoEventfds.Write(bar.Index, position, (int)width, data);
        return function.SetIoEventfd(write, call.Caller, request.Fd);
    }
}
