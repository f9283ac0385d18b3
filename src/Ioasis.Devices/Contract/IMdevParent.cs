namespace Ioasis.Devices;

/// <summary>
/// A device that offers types of mdevs, mediated devices: parts of it that programs create by name and drive as devices
/// of their own (Linux: struct mdev_parent).
/// </summary>
/// <remarks>
/// A parent is one of two things. The model of a PCI function (<see cref="PciDeviceModel"/>) that also implements this
/// interface: its types' directories are named after the model, as in <c>dmatest-1ch</c>. Or a class with
/// <see cref="MdevParentAttribute"/>, which is no PCI function: a device below /sys/devices/virtual.
/// </remarks>
public interface IMdevParent
{
    /// <summary>The types, in the order in which tools list them. The same objects on every call.</summary>
    IReadOnlyList<MdevType> MdevTypes { get; }

    /// <summary>
    /// Number of mdevs that the parent can have at once, of all types together that have no count of their own
    /// (<see cref="MdevType.Available"/> is null). The host keeps this count.
    /// </summary>
    int MaxMdevs => 0;
}
