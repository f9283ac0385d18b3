using Ioasis.Abi;
using Ioasis.Core.Observation;

namespace Ioasis.Diagnostics.Trace;

/// <summary>The regions of a VFIO device by their names: <c>bar0</c>, <c>config</c>.</summary>
internal static class RegionNames
{
    private const int IndexShift = 40; // of an offset in the device's file, as in Linux's vfio-pci

    // Programs are told that BAR 0 begins behind the other regions.
    private const ulong SecondPlaceOfBar0 = VfioH.VFIO_PCI_NUM_REGIONS;

    /// <summary>Whether a call accesses the configuration space of a device.</summary>
    internal static bool IsConfiguration(NodeCall call) =>
        call.Name != "ioctl" && RegionOf(call) == VfioH.VFIO_PCI_CONFIG_REGION_INDEX;

    /// <summary>Where in a file a call reads, writes or maps: in which region of a device, and where in it.</summary>
    internal static string Of(NodeCall call, ulong offset) => RegionOf(call) switch
    {
        null => DiagnosticsJson.Hex(offset),
        <= VfioH.VFIO_PCI_BAR5_REGION_INDEX and { } bar => $"bar{bar}+{InRegion(offset)}",
        SecondPlaceOfBar0 => $"bar0+{InRegion(offset)}",
        VfioH.VFIO_PCI_ROM_REGION_INDEX => $"rom+{InRegion(offset)}",
        VfioH.VFIO_PCI_CONFIG_REGION_INDEX => $"config+{InRegion(offset)}",
        { } other => $"region{other}+{InRegion(offset)}",
    };

    private static string InRegion(ulong offset) => DiagnosticsJson.Hex(offset & ((1UL << IndexShift) - 1));

    private static ulong? RegionOf(NodeCall call) =>
        call.Offset is { } offset && call.Path.StartsWith("/dev/vfio/", StringComparison.Ordinal)
            ? offset >> IndexShift
            : null;
}
