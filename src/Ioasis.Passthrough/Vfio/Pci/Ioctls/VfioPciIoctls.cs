using Ioasis.Abi;
using Ioasis.Passthrough.Vfio.Ioctls;

namespace Ioasis.Passthrough.Vfio.Pci.Ioctls;

/// <summary>The ioctls that only PCI functions have (Linux: vfio_pci_core_ioctl).</summary>
internal static class VfioPciIoctls
{
    /// <summary>All of them, by number.</summary>
    internal static IReadOnlyDictionary<uint, VfioIoctl> Table { get; } = new[]
    {
        Of(VfioH.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, nameof(VfioH.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO), 12,
            HotResetIoctls.GetInfo),
        Of(VfioH.VFIO_DEVICE_PCI_HOT_RESET, nameof(VfioH.VFIO_DEVICE_PCI_HOT_RESET), 12, HotResetIoctls.Reset),
        Of(VfioH.VFIO_DEVICE_IOEVENTFD, nameof(VfioH.VFIO_DEVICE_IOEVENTFD), 28, IoEventfdIoctl.Set),
    }.ToDictionary(i => i.Number);

    /// <summary>Those of an mdev that is a part of a function: it is in no slot that could be reset.</summary>
    internal static IReadOnlyDictionary<uint, VfioIoctl> OfMdevs { get; } =
        Table.Values.Where(i => i.Number == VfioH.VFIO_DEVICE_IOEVENTFD).ToDictionary(i => i.Number);

    private delegate SysResult Handler(VfioPciDevice function, VfioCall call);

    // The table is reached through a function's operations alone.
    private static VfioIoctl Of(uint number, string name, int minimumSize, Handler handler) =>
        new(number, name, minimumSize, false, call => handler((VfioPciDevice)call.Device.Ops, call));
}
