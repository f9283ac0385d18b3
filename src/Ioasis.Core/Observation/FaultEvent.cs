using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Memory;

namespace Ioasis.Core.Observation;

/// <summary>An access of a device was refused, and the device did not get the page by asking for it.</summary>
/// <param name="Stamp">When.</param>
/// <param name="Endpoint">The device.</param>
/// <param name="Pasid">The PASID of the access, if any.</param>
/// <param name="Iova">The first address that was refused.</param>
/// <param name="IsWrite">Whether the device was writing memory.</param>
/// <param name="Reason">Why.</param>
/// <param name="Code">The unit's own number for that; 0 when the access never reached the unit.</param>
public readonly record struct FaultEvent(
    EventStamp Stamp, Endpoint Endpoint, Pasid? Pasid, Iova Iova, bool IsWrite, FaultReason Reason,
        byte Code) : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Fault;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnFault(in this);
}
