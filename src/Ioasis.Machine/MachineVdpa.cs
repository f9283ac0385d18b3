using Ioasis.Core.Endpoints;
using Ioasis.Core.Walks;
using Ioasis.Devices.Virtio;
using Ioasis.Machine.Sysfs;
using Ioasis.Memory;
using Ioasis.Passthrough.Vdpa;

namespace Ioasis.Machine;

/// <summary>A vDPA device of a machine.</summary>
public sealed class MachineVdpa
{
    private volatile string? _driverOverride;

    internal MachineVdpa(VdpaDevice device) => Device = device;

    /// <summary>Its name on the bus.</summary>
    public string Name => Device.Name;

    /// <summary>Its virtio device ID: 1 net, 2 blk.</summary>
    public int DeviceId => Function.DeviceId;

    /// <summary>What it is.</summary>
    public VirtioFunction Function => Device.Slot.Function;

    /// <summary>Name of the unit that translates for it.</summary>
    public string Unit => Device.Endpoint.Unit.Name;

    /// <summary>Its node, <c>/dev/vhost-vdpa-0</c>; null while the driver does not have it.</summary>
    public string? Node => Device.Node?.Path;

    /// <summary>The most entries that each of its queues can have.</summary>
    public int MaxQueueSize => Device.MaxQueueSize;

    /// <summary>Its place behind an IOMMU.</summary>
    public Endpoint Endpoint => Device.Endpoint;

    /// <summary>Its engines that have had a command, and whether each is busy at this moment.</summary>
    public IReadOnlyList<(string Name, bool IsBusy)> Engines => Device.Slot.Engines.Snapshot;

    /// <summary>The device's status, as its driver sees it.</summary>
    public int Status => (int)Device.Slot.Status;

    /// <summary>How an address of the device is translated at this moment. Looking changes nothing.</summary>
    /// <param name="pasid">The PASID of one of its address spaces; null for address space 0.</param>
    /// <param name="address">Which address.</param>
    /// <param name="write">Whether to write, rather than to read.</param>
    public TranslationWalk Walk(Pasid? pasid, Iova address, bool write) =>
        TranslationWalk.Of(Endpoint, pasid ?? Device.PasidOf(0), address, write);

    /// <summary>The device itself.</summary>
    internal VdpaDevice Device { get; }

    /// <summary>Whether the driver vhost_vdpa has it. The lock of <see cref="VdpaDriver"/> guards it.</summary>
    internal DriverState Driver { get; set; }

    /// <summary>
    /// Steps of the driver that wait until the driver has let the device go. The lock of <see cref="VdpaDriver"/>
    /// guards them.
    /// </summary>
    internal Queue<Func<Action>> Waiting { get; } = new();

    /// <summary>What its <c>driver_override</c> shows.</summary>
    internal string DriverOverride => _driverOverride ?? "(null)";

    /// <summary>Whether its <c>driver_override</c> lets the driver have it.</summary>
    internal bool MayHaveDriver => _driverOverride is null or VdpaDriver.Name;

    /// <summary>Reads the configuration space.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="destination">Filled; it ends within <see cref="VirtioFunction.ConfigSize"/>.</param>
    public void ReadConfig(int offset, Span<byte> destination) => Device.Slot.ReadConfig(offset, destination);

    /// <summary>What is written to its <c>driver_override</c>: a driver's name, or nothing for any driver.</summary>
    internal void SetDriverOverride(ReadOnlyMemory<byte> text) =>
        _driverOverride = SysfsText.Line(text.Span) is { Length: > 0 } name ? name : null;
}
