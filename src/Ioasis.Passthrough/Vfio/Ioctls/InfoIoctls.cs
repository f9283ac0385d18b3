using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Devices;

namespace Ioasis.Passthrough.Vfio.Ioctls;

/// <summary>What a device is made of: GET_INFO, GET_REGION_INFO, GET_IRQ_INFO.</summary>
internal static class InfoIoctls
{
    private const int PageSize = 4096;

    internal static SysResult GetInfo(VfioCall call)
    {
        uint argsz = call.Read<VfioDeviceInfo>().Argsz;
        var info = new VfioDeviceInfo
        {
            Argsz = argsz,
            Flags = VfioH.VFIO_DEVICE_FLAGS_PCI | VfioH.VFIO_DEVICE_FLAGS_RESET,
            NumRegions = VfioH.VFIO_PCI_NUM_REGIONS,
            NumIrqs = VfioH.VFIO_PCI_NUM_IRQS,
        };
        return call.Return(info, (int)Math.Min(argsz, (uint)Marshal.SizeOf<VfioDeviceInfo>()));
    }

    internal static SysResult GetRegionInfo(VfioCall call)
    {
        VfioRegionInfo info = call.Read<VfioRegionInfo>();
        switch (info.Index)
        {
            case VfioH.VFIO_PCI_CONFIG_REGION_INDEX:
                info.Size = call.Device.ConfigurationSize;
                info.Flags = VfioH.VFIO_REGION_INFO_FLAG_READ | VfioH.VFIO_REGION_INFO_FLAG_WRITE;
                break;
            case <= VfioH.VFIO_PCI_BAR5_REGION_INDEX:
                return GetBarInfo(call, info);
            case VfioH.VFIO_PCI_ROM_REGION_INDEX:
                info.Size = 0;
                info.Flags = 0;
                break;
            default:
                return Errno.EINVAL; // no function is a VGA
        }

        info.Offset = VfioPciDevice.RegionOffset(info.Index);
        return call.Return(info, Marshal.SizeOf<VfioRegionInfo>());
    }

    internal static SysResult GetIrqInfo(VfioCall call)
    {
        VfioIrqInfo info = call.Read<VfioIrqInfo>();
        if (info.Index >= VfioH.VFIO_PCI_NUM_IRQS) return Errno.EINVAL;
        if (info.Index == VfioH.VFIO_PCI_ERR_IRQ_INDEX && !call.Device.Function.IsExpress) return Errno.EINVAL;
        info.Count = call.Device.Interrupts.Count(info.Index);
        info.Flags = VfioH.VFIO_IRQ_INFO_EVENTFD | info.Index switch
        {
            VfioH.VFIO_PCI_INTX_IRQ_INDEX => VfioH.VFIO_IRQ_INFO_MASKABLE | VfioH.VFIO_IRQ_INFO_AUTOMASKED,
            VfioH.VFIO_PCI_MSIX_IRQ_INDEX when call.Device.Function.Msix is not null => 0,
            _ => VfioH.VFIO_IRQ_INFO_NORESIZE,
        };
        return call.Return(info, Marshal.SizeOf<VfioIrqInfo>());
    }

    private static SysResult GetBarInfo(VfioCall call, VfioRegionInfo info)
    {
        Bar? bar = call.Device.FindBar(info.Index);
        info.Offset = VfioPciDevice.RegionOffset(info.Index);
        info.Size = bar?.Size ?? 0;
        info.Flags = bar is null ? 0 : VfioH.VFIO_REGION_INFO_FLAG_READ | VfioH.VFIO_REGION_INFO_FLAG_WRITE;
        int size = Marshal.SizeOf<VfioRegionInfo>();
        if (bar is { IsMappable: true, Size: >= PageSize })
        {
            info.Flags |= VfioH.VFIO_REGION_INFO_FLAG_MMAP;
            if (call.Device.Function.Msix?.Bar == bar.Index)
            {
                // The one capability: a mapping may cover the MSI-X table. It is written if the caller has room for it,
                // else the caller is told how much room to have.
                info.Flags |= VfioH.VFIO_REGION_INFO_FLAG_CAPS;
                int needed = size + Marshal.SizeOf<VfioInfoCapHeader>();
                info.CapOffset = info.Argsz < needed ? 0 : (uint)size;
                if (info.Argsz < needed) info.Argsz = (uint)needed;
                else
                {
                    var header = new VfioInfoCapHeader
                    {
                        Id = (ushort)VfioH.VFIO_REGION_INFO_CAP_MSIX_MAPPABLE,
                        Version = 1
                    };
                    if (!call.TryWrite((uint)size,
                        MemoryMarshal.AsBytes(new ReadOnlySpan<VfioInfoCapHeader>(in header)))) return Errno.EFAULT;
                }
            }
        }

        return call.Return(info, size);
    }
}
