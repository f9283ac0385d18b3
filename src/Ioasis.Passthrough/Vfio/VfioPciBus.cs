using Ioasis.Core.Endpoints;
using Ioasis.Devices;
using Ioasis.Devices.Slots;

namespace Ioasis.Passthrough.Vfio;

/// <summary>What the PCI functions of one machine share: the windows that their BARs are placed in, and the thread that looks for stores
/// to mapped BARs.</summary>
public sealed class VfioPciBus : IDisposable
{
    // Below 4 GiB under the interrupt window and the firmware, above it where no RAM of a program's guest is likely to be.
    private const ulong LowStart = 0xc000_0000, LowEnd = 0xfec0_0000, HighStart = 0x38_0000_0000;

    // Guards the windows.
    private readonly Lock _lock = new();
    private readonly uint _major;
    private readonly List<VfioGroup> _groups = [];
    private ulong _low = LowStart;
    private ulong _high = HighStart;

    /// <summary>Makes an empty bus.</summary>
    /// <param name="major">Major number of the nodes of VFIO devices; that of groups is the one before.</param>
    public VfioPciBus(uint major) => _major = major;

    /// <summary>The groups of the devices that were plugged in.</summary>
    public IReadOnlyList<VfioGroup> Groups => _groups;

    internal BarPoller Poller { get; } = new();

    /// <summary>Plugs a model in. The caller disposes the device, before the bus, when its files are closed.</summary>
    /// <param name="model">The model, not plugged in before.</param>
    /// <param name="endpoint">Its place behind an IOMMU, and its requester ID.</param>
    /// <param name="minor">Its number N in <c>/dev/vfio/devices/vfioN</c>.</param>
    /// <param name="function">What the model is in this machine, if that is less than it says.</param>
    /// <exception cref="ArgumentException">The model describes no possible function.</exception>
    public VfioPciDevice Add(PciDeviceModel model, Endpoint endpoint, uint minor, PciFunction? function = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(endpoint);
        var slot = new PciSlot(model, endpoint, Poller, function);
        var addresses = new ulong[6];
        foreach (Bar bar in slot.Function.Bars) addresses[bar.Index] = Place(bar);
        VfioGroup? group = _groups.Find(g => g.Id == endpoint.Group.Id);
        if (group is null) _groups.Add(group = new VfioGroup(endpoint.Group, _major - 1, (uint)_groups.Count));
        var device = new VfioPciDevice(slot, endpoint, addresses, group, _major, minor);
        group.Add(device);
        return device;
    }

    /// <summary>Ends the bus's thread.</summary>
    public void Dispose() => Poller.Dispose();

    private ulong Place(Bar bar)
    {
        lock (_lock)
        {
            ulong start = (_low + bar.Size - 1) & ~(bar.Size - 1);
            if (bar.Is64Bit || start + bar.Size > LowEnd)
            {
                if (!bar.Is64Bit) throw new ArgumentException($"No room below 4 GiB for BAR {bar.Index} of {bar.Size} bytes.");
                start = (_high + bar.Size - 1) & ~(bar.Size - 1);
                _high = start + bar.Size;
                return start;
            }

            _low = start + bar.Size;
            return start;
        }
    }
}
