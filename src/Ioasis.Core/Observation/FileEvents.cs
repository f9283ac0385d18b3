using Ioasis.Core.Endpoints;
using Ioasis.Memory;

namespace Ioasis.Core.Observation;

/// <summary>A program opened a node.</summary>
/// <param name="Stamp">When.</param>
/// <param name="Path">The node's path.</param>
/// <param name="File">The open file: of /dev/iommu, the context.</param>
/// <param name="Process">The process that opened it; 0 when nobody said which.</param>
public readonly record struct OpenEvent(EventStamp Stamp, string Path, object File, int Process) : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Open;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnOpen(in this);
}

/// <summary>The last reference to an open node is gone, and it is about to be closed.</summary>
/// <param name="Stamp">When.</param>
/// <param name="Path">The node's path.</param>
/// <param name="File">The open file, as in <see cref="OpenEvent"/>.</param>
public readonly record struct CloseEvent(EventStamp Stamp, string Path, object File) : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Close;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnClose(in this);
}

/// <summary>A device was bound to a context, whose page tables it uses from now on.</summary>
/// <param name="Stamp">When.</param>
/// <param name="Endpoint">The device; null for one without DMA, which a driver emulates.</param>
/// <param name="Pasid">The PASID that the device is, if it is a subdevice; null for a whole function.</param>
/// <param name="Device">The binding: the owner of the attachments that follow.</param>
/// <param name="Context">The context.</param>
public readonly record struct BindEvent(
    EventStamp Stamp, Endpoint? Endpoint, Pasid? Pasid, object Device, object Context) : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Bind;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnBind(in this);
}

/// <summary>A binding is about to end. Nothing is attached by it any more.</summary>
/// <param name="Stamp">When.</param>
/// <param name="Endpoint">As in <see cref="BindEvent"/>.</param>
/// <param name="Pasid">As in <see cref="BindEvent"/>.</param>
/// <param name="Device">The binding.</param>
/// <param name="Context">The context.</param>
public readonly record struct UnbindEvent(
    EventStamp Stamp, Endpoint? Endpoint, Pasid? Pasid, object Device, object Context) : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Unbind;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnUnbind(in this);
}
