using System.Globalization;
using Ioasis.Abi;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Endpoints;
using Ioasis.Devices;
using Ioasis.Machine.Nodes;
using Ioasis.Memory;

namespace Ioasis.Machine.Sysfs;

/// <summary>What sysfs shows of a PCI function.</summary>
/// <param name="Address">Where it sits.</param>
/// <param name="Function">What it is.</param>
/// <param name="BarAddresses">Where firmware put each of its six BARs, as bus addresses; 0 for none.</param>
/// <param name="Interrupt">Number of its INTx line; 0 for none.</param>
/// <param name="Unit">Name of the unit behind which it sits.</param>
/// <param name="Group">Its IOMMU group.</param>
/// <param name="VfioMinor">N of /dev/vfio/devices/vfioN.</param>
/// <param name="VfioDevice">Device number of that node.</param>
/// <param name="Config">Its configuration space.</param>
internal sealed record SysfsFunction(
    RequesterId Address, PciFunction Function, ulong[] BarAddresses, int Interrupt, string Unit,
    IommuGroup Group, int VfioMinor, (uint Major, uint Minor) VfioDevice, IVirtualBytes Config)
{
    /// <summary>How many bytes its configuration space has.</summary>
    internal int ConfigSize => Function.IsExpress ? PciRegs.PCI_CFG_SPACE_EXP_SIZE : PciRegs.PCI_CFG_SPACE_SIZE;

    /// <summary>What programs set of it.</summary>
    internal required FunctionSettings Settings { get; init; }

    /// <summary>The driver that has it; null for none.</summary>
    internal required string? DriverName { get; init; }

    /// <summary>The DMA API of the driver in the host that has it; null for none.</summary>
    internal required Func<DmaDevice?> Dma { get; init; }

    /// <summary>Takes what is written to <c>remove</c>.</summary>
    internal required Action<ReadOnlyMemory<byte>> Remove { get; init; }

    /// <summary>Takes what is written to <c>rescan</c>.</summary>
    internal required Action<ReadOnlyMemory<byte>> Rescan { get; init; }

    /// <summary>Its virtual functions, if it can have any.</summary>
    internal PciSriov? Sriov { get; init; }

    /// <summary>
    /// Of a virtual function, the address of the physical one, and which of its virtual ones this is.
    /// </summary>
    internal (RequesterId Physical, int Number)? Virtual { get; init; }

    /// <summary>Its directory: /sys/devices/pciSSSS:BB/SSSS:BB:DD.F.</summary>
    internal string Directory => DirectoryOf(Address, Virtual?.Physical);

    /// <summary>
    /// The directory of the root bus it sits on: a virtual function, whatever its bus, beside the physical one.
    /// </summary>
    internal string RootBus => RootBusOf(Virtual?.Physical ?? Address);

    /// <summary>The directory of the function at an address.</summary>
    /// <param name="address">The address.</param>
    /// <param name="physical">Of a virtual function, where the physical one sits.</param>
    internal static string DirectoryOf(RequesterId address, RequesterId? physical) =>
        $"{RootBusOf(physical ?? address)}/{address}";

    private static string RootBusOf(RequesterId address) =>
        string.Create(CultureInfo.InvariantCulture, $"/sys/devices/pci{address.Segment:x4}:{address.Bus:x2}");
}
