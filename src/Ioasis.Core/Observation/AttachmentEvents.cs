using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;

namespace Ioasis.Core.Observation;

/// <summary>
/// A requester ID or a PASID is about to be attached to a domain, or moved there from another without a gap.
/// </summary>
/// <param name="Stamp">When.</param>
/// <param name="Endpoint">The device.</param>
/// <param name="Pasid">The PASID; null for requests without one.</param>
/// <param name="Domain">The domain.</param>
/// <param name="Former">The domain that it moves from; null when it was not attached.</param>
/// <param name="Owner">
/// The owner of the attachment (<see cref="Attachment.Owner"/>); the group for its default domain.
/// </param>
public readonly record struct AttachEvent(
    EventStamp Stamp, Endpoint Endpoint, Pasid? Pasid, IommuDomain Domain, IommuDomain? Former,
        object? Owner) : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Attach;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnAttach(in this);
}

/// <summary>A requester ID or a PASID is about to be detached.</summary>
/// <param name="Stamp">When.</param>
/// <param name="Endpoint">The device.</param>
/// <param name="Pasid">The PASID; null for requests without one.</param>
/// <param name="Domain">The domain that it was attached to.</param>
/// <param name="Owner">The owner of the attachment.</param>
public readonly record struct DetachEvent(
    EventStamp Stamp, Endpoint Endpoint, Pasid? Pasid, IommuDomain Domain, object? Owner)
    : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Detach;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnDetach(in this);
}
