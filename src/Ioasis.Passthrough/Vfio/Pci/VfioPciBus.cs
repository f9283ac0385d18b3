using Ioasis.Core.Endpoints;
using Ioasis.Core.Pasids;
using Ioasis.Devices;
using Ioasis.Devices.Slots;
using Ioasis.Memory;

namespace Ioasis.Passthrough.Vfio.Pci;

/// <summary>
/// What the PCI functions of one machine share: the windows that their BARs are placed in, and the thread that looks
/// for stores to mapped BARs. Functions are plugged in and removed one at a time.
/// </summary>
internal sealed class VfioPciBus : IDisposable
{
    // Below 4 GiB under the interrupt window and the firmware, above it where no RAM of a program's guest is likely to
    // be.
    private const ulong LowStart = 0xc000_0000, LowEnd = 0xfec0_0000;
    private const ulong HighStart = 0x38_0000_0000, HighEnd = 0x400_0000_0000;

    private readonly VfioRegistry _registry;
    private ulong _low = LowStart;
    private ulong _high = HighStart;

    /// <summary>Makes an empty bus.</summary>
    /// <param name="registry">Where functions are registered as VFIO devices.</param>
    internal VfioPciBus(VfioRegistry registry) => _registry = registry;

    /// <summary>The windows: as I/O addresses they would be a BAR, so the DMA API gives none of them out.</summary>
    internal static IovaRange[] Windows { get; } =
        [new IovaRange(LowStart, LowEnd - 1), new IovaRange(HighStart, HighEnd - 1)];

    internal BarPoller Poller { get; } = new();

    /// <summary>Plugs a model in. The caller disposes the device, before the bus, when its files are closed.</summary>
    /// <param name="model">The model, not plugged in before.</param>
    /// <param name="endpoint">Its place behind an IOMMU, and its requester ID.</param>
    /// <param name="minor">Its number N in <c>/dev/vfio/devices/vfioN</c>.</param>
    /// <param name="function">What the model is in this machine, if that is less than it says.</param>
    /// <exception cref="ArgumentException">The model describes no possible function.</exception>
    internal VfioPciDevice Add(PciDeviceModel model, Endpoint endpoint, uint minor, PciFunction? function = null)
    {
        var slot = new PciSlot(model, endpoint, Poller, function);
        ulong low = _low, high = _high;
        try
        {
            ulong[] addresses = new ulong[6], vfAddresses = new ulong[6];
            foreach (Bar bar in slot.Function.Bars) addresses[bar.Index] = Place(bar, 1, ref low, ref high);
            if (slot.Function.Sriov is { } sriov)
                foreach (Bar bar in sriov.VirtualFunction.Bars)
                    vfAddresses[bar.Index] = Place(bar, sriov.TotalVfs, ref low, ref high);
            var device = new VfioPciDevice(slot, endpoint, (addresses, vfAddresses), (_registry.Major, minor));
            Attach(device);
            (_low, _high) = (low, high);
            return device;
        }
        catch
        {
            slot.Dispose();
            throw;
        }
    }

    /// <summary>Plugs the model of a virtual function in, whose BARs follow those of the one before.</summary>
    /// <param name="model">The model, not plugged in before.</param>
    /// <param name="endpoint">Its place behind an IOMMU, and its requester ID.</param>
    /// <param name="minor">Its number N in <c>/dev/vfio/devices/vfioN</c>.</param>
    /// <param name="physical">The function that it is one of.</param>
    /// <param name="number">Which of them, from 0.</param>
    internal VfioPciDevice AddVirtual(
        PciDeviceModel model, Endpoint endpoint, uint minor, VfioPciDevice physical, int number)
    {
        var slot = new PciSlot(model, endpoint, Poller, physical.Function.Sriov!.VirtualFunction);
        try
        {
            var addresses = new ulong[6];
            foreach (Bar bar in slot.Function.Bars)
                addresses[bar.Index] = physical.VfBarAddresses[bar.Index] + (bar.Size * (uint)number);
            var device = new VfioPciDevice(
                slot, endpoint, (addresses, new ulong[6]), (_registry.Major, minor), physical);
            Attach(device);
            return device;
        }
        catch
        {
            slot.Dispose();
            throw;
        }
    }

    /// <summary>Plugs the model of an mdev in, which is a part of a function. It has its node and no group.</summary>
    /// <param name="model">The model, not plugged in before.</param>
    /// <param name="part">The part of the function that it is.</param>
    /// <param name="name">Its UUID.</param>
    /// <param name="parent">The function.</param>
    /// <param name="driver">The function's driver: the same object for all its mdevs.</param>
    /// <param name="pasids">The PASIDs of the host, of which its program's are taken.</param>
    /// <param name="minor">Its number N in <c>/dev/vfio/devices/vfioN</c>.</param>
    /// <exception cref="ArgumentException">The model describes no possible mdev.</exception>
    internal VfioPciDevice AddMdev(
        PciDeviceModel model, EndpointPart part, string name, VfioPciDevice parent, object driver, PasidSpace pasids,
        uint minor)
    {
        PciFunction function = model.Function;
        if (function is not { IsVirtual: false, Sriov: null })
            throw new ArgumentException("An mdev has no virtual functions, and is none.");
        var slot = new PciSlot(model, part, Poller, function);
        try
        {
            var device = new VfioPciDevice(
                slot, part, name, parent, driver, pasids, (_registry.Major, minor));
            _registry.Register(device.Device, null);
            return device;
        }
        catch
        {
            slot.Dispose();
            throw;
        }
    }

    /// <summary>Unplugs a function whose files are closed, and lets its group go if it was the last of it.</summary>
    internal void Remove(VfioPciDevice device)
    {
        device.Dispose();
        Detach(device);
    }

    /// <summary>Takes a function whose files are closed from programs. It stays plugged in.</summary>
    internal void Detach(VfioPciDevice device) => _registry.Unregister(device.Device);

    /// <summary>Gives a function to programs, in the group of its endpoint.</summary>
    internal void Attach(VfioPciDevice device) => _registry.Register(device.Device, device.Endpoint.Group);

    /// <summary>Ends the bus's thread.</summary>
    public void Dispose() => Poller.Dispose();

    // Of virtual functions the BARs of one index stand in a row.
    private static ulong Place(Bar bar, int count, ref ulong low, ref ulong high)
    {
        ulong size = bar.Size * (uint)count;
        ulong start = (low + bar.Size - 1) & ~(bar.Size - 1);
        if (!bar.Is64Bit && start + size <= LowEnd)
        {
            low = start + size;
            return start;
        }

        if (!bar.Is64Bit) throw new ArgumentException($"No room below 4 GiB for BAR {bar.Index} of {size} bytes.");
        start = (high + bar.Size - 1) & ~(bar.Size - 1);
        if (start > HighEnd || size > HighEnd - start)
            throw new ArgumentException($"No room for BAR {bar.Index} of {size} bytes.");
        high = start + size;
        return start;
    }
}
