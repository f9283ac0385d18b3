using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;

namespace Ioasis.Passthrough.Vdpa;

/// <summary>
/// The node /dev/vhost-vdpa-N, from the moment at which the driver vhost_vdpa takes a device until it lets the device
/// go (Linux: struct vhost_vdpa). One program at a time has it open.
/// </summary>
internal sealed class VhostVdpaNode : INode
{
    private const int Free = 0, InUse = 1, Leaving = 2, Gone = 3;
    private const uint LeastMessage = 40, MostMessage = 100;

    private static readonly uint[] s_messageSizes =
        [.. Enumerable.Range((int)LeastMessage, (int)(MostMessage - LeastMessage + 1)).Select(size => (uint)size)];

    private int _state;
    private Action? _unused; // set before the state is Leaving

    /// <summary>Makes the node of a device.</summary>
    /// <param name="device">The device.</param>
    /// <param name="number">The node's numbers.</param>
    internal VhostVdpaNode(VdpaDevice device, (uint Major, uint Minor) number)
    {
        Device = device;
        (Major, Minor) = number;
    }

    /// <summary>The device.</summary>
    internal VdpaDevice Device { get; }

    /// <summary>The node's name.</summary>
    internal string Name => $"vhost-vdpa-{Minor}";

    /// <inheritdoc/>
    public string Path => $"/dev/{Name}";

    /// <inheritdoc/>
    public uint Major { get; }

    /// <inheritdoc/>
    public uint Minor { get; }

    /// <inheritdoc/>
    public uint Mode => 0x180; // 0600 in octal

    /// <inheritdoc/>
    public string Driver => VdpaDevice.DriverName;

    /// <inheritdoc/>
    public NodeContent Content => NodeContent.Both;

    /// <inheritdoc/>
    public IReadOnlyList<uint> MessageSizes => s_messageSizes;

    /// <summary>Opens the device, which is reset.</summary>
    /// <returns>EBUSY if it is open; ENXIO if the driver is letting it go.</returns>
    public Errno Open(ICarrier carrier, out NodeFile? file)
    {
        file = null;
        int state = Interlocked.CompareExchange(ref _state, InUse, Free);
        if (state != Free)
            return state == InUse
                ? Errno.EBUSY.Because("another program has the device open")
                : Errno.ENXIO.Because("the device is gone");
        Device.Reset();
        file = new VhostVdpaFile(this, carrier);
        return Errno.None;
    }

    /// <summary>The open file is closed. The node can be opened again, unless the driver lets the device go.</summary>
    internal void Closed()
    {
        if (Interlocked.CompareExchange(ref _state, Free, InUse) == InUse) return;
        Volatile.Write(ref _state, Gone);
        _unused!();
    }

    /// <summary>The driver lets the device go: nobody can open the node any more. Called once.</summary>
    /// <param name="unused">Called once, when the node is closed, perhaps before this returns.</param>
    internal void Remove(Action unused)
    {
        _unused = unused;
        while (true)
        {
            if (Interlocked.CompareExchange(ref _state, Leaving, InUse) == InUse) return; // the close calls it
            if (Interlocked.CompareExchange(ref _state, Gone, Free) == Free) break;
            // The file was closed and opened again between the two steps.
        }

        unused();
    }
}
