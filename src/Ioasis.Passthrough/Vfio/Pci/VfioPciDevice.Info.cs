using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Passthrough.Vfio.Ioctls;
using Ioasis.Passthrough.Vfio.Pci.Ioctls;

namespace Ioasis.Passthrough.Vfio.Pci;

/// <summary>
/// What the function says of itself: its name, its regions, its interrupts, its own ioctls and features.
/// </summary>
internal sealed partial class VfioPciDevice
{
    private const int PageSize = 4096;

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public VfioDeviceInfo Info => new()
    {
        Flags = VfioH.VFIO_DEVICE_FLAGS_PCI | VfioH.VFIO_DEVICE_FLAGS_RESET,
        NumRegions = VfioH.VFIO_PCI_NUM_REGIONS,
        NumIrqs = VfioH.VFIO_PCI_NUM_IRQS,
    };

    /// <inheritdoc/>
    public IReadOnlyDictionary<uint, VfioIoctl> Ioctls =>
        _parent is null ? VfioPciIoctls.Table : VfioPciIoctls.OfMdevs;

    /// <summary>
    /// Whether a name means the function: its address, and after a blank options, of which there is one, the token
    /// (Linux: vfio_pci_core_match).
    /// </summary>
    public Errno Match(string name, out bool isMeant)
    {
        string options = "";
        isMeant = name.StartsWith(Name, StringComparison.Ordinal);
        if (isMeant) options = name[Name.Length..];
        isMeant &= options.Length == 0 || options[0] == ' ';
        if (!isMeant) return Errno.None;
        return VfToken.TryParseOptions(options, out Guid? token)
            ? MatchToken(token)
            : Errno.EINVAL.Because("the only option after the name is vf_token=UUID");
    }

    /// <inheritdoc/>
    public SysResult Feature(VfioCall call, VfioDeviceFeature feature) => PciFeatures.Feature(this, call, feature);

    /// <inheritdoc/>
    public void RequestRelease() => _interrupts.RequestRelease();

    /// <inheritdoc/>
    public Errno GetRegionInfo(ref VfioRegionInfo info, out IReadOnlyList<VfioCapability> capabilities)
    {
        capabilities = [];
        info.Size = 0;
        info.Flags = 0;
        switch (info.Index)
        {
            case VfioH.VFIO_PCI_CONFIG_REGION_INDEX:
                info.Size = (uint)_config.Size;
                info.Flags = VfioH.VFIO_REGION_INFO_FLAG_READ | VfioH.VFIO_REGION_INFO_FLAG_WRITE;
                break;
            case <= VfioH.VFIO_PCI_BAR5_REGION_INDEX:
                capabilities = GetBarInfo(ref info);
                break;
            case VfioH.VFIO_PCI_ROM_REGION_INDEX:
                break;
            default:
                return Errno.EINVAL.Because($"there is no region {info.Index}"); // no function is a VGA
        }

        info.Offset = RegionOffset(info.Index);
        return Errno.None;
    }

    /// <inheritdoc/>
    public Errno GetIrqInfo(ref VfioIrqInfo info)
    {
        if (info.Index >= VfioH.VFIO_PCI_NUM_IRQS) return Errno.EINVAL.Because($"there is no interrupt {info.Index}");
        if (info.Index == VfioH.VFIO_PCI_ERR_IRQ_INDEX && !Function.IsExpress)
            return Errno.EINVAL.Because("a device of conventional PCI has no error interrupt");
        info.Count = IrqCount(info.Index);
        info.Flags = VfioH.VFIO_IRQ_INFO_EVENTFD | info.Index switch
        {
            VfioH.VFIO_PCI_INTX_IRQ_INDEX => VfioH.VFIO_IRQ_INFO_MASKABLE | VfioH.VFIO_IRQ_INFO_AUTOMASKED,
            VfioH.VFIO_PCI_MSIX_IRQ_INDEX when Function.Msix is not null => 0,
            _ => VfioH.VFIO_IRQ_INFO_NORESIZE,
        };
        return Errno.None;
    }

    /// <inheritdoc/>
    public uint IrqCount(uint index) => _interrupts.Count(index);

    private VfioCapability[] GetBarInfo(ref VfioRegionInfo info)
    {
        if (FindBar(info.Index) is not { } bar) return [];
        info.Size = bar.Size;
        info.Flags = VfioH.VFIO_REGION_INFO_FLAG_READ | VfioH.VFIO_REGION_INFO_FLAG_WRITE;
        if (bar is not { IsMappable: true, Size: >= PageSize }) return [];
        info.Flags |= VfioH.VFIO_REGION_INFO_FLAG_MMAP;
        return Function.Msix?.Bar == bar.Index ? [new((ushort)VfioH.VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, 1, [])] : [];
    }
}
