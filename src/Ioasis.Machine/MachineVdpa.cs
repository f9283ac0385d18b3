using Ioasis.Core.Endpoints;
using Ioasis.Devices.Virtio;
using Ioasis.Passthrough.Vdpa;

namespace Ioasis.Machine;

/// <summary>A vDPA device of a machine.</summary>
public sealed class MachineVdpa
{
    private readonly VdpaDevice _device;

    internal MachineVdpa(VdpaDevice device) => _device = device;

    /// <summary>Its name on the bus.</summary>
    public string Name => _device.Name;

    /// <summary>Its virtio device ID: 1 net, 2 blk.</summary>
    public int DeviceId => Function.DeviceId;

    /// <summary>What it is.</summary>
    public VirtioFunction Function => _device.Slot.Function;

    /// <summary>Name of the unit that translates for it.</summary>
    public string Unit => _device.Endpoint.Unit.Name;

    /// <summary>Its node, <c>/dev/vhost-vdpa-0</c>.</summary>
    public string Node => _device.Path;

    /// <summary>The most entries that each of its queues can have.</summary>
    public int MaxQueueSize => _device.MaxQueueSize;

    /// <summary>Its place behind an IOMMU.</summary>
    public Endpoint Endpoint => _device.Endpoint;

    /// <summary>Reads the configuration space.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="destination">Filled; it ends within <see cref="VirtioFunction.ConfigSize"/>.</param>
    public void ReadConfig(int offset, Span<byte> destination) => _device.Slot.ReadConfig(offset, destination);
}
