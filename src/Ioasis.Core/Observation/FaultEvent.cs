using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Memory;

namespace Ioasis.Core.Observation;

/// <summary>An access of a device was refused, and the device did not get the page by asking for it.</summary>
/// <param name="Stamp">When.</param>
/// <param name="Endpoint">The device.</param>
/// <param name="Fault">The access, and why it was refused.</param>
public readonly record struct FaultEvent(EventStamp Stamp, Endpoint Endpoint, DmaFault Fault) : IMachineEvent
{
    /// <summary>The first address that was refused.</summary>
    public Iova Iova => Fault.Iova;

    /// <summary>Why it was refused.</summary>
    public FaultReason Reason => Fault.Reason;

    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Fault;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnFault(in this);
}
