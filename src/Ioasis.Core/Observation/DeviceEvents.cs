using Ioasis.Core.Endpoints;

namespace Ioasis.Core.Observation;

/// <summary>A device is about to be reset.</summary>
/// <param name="Stamp">When.</param>
/// <param name="Endpoint">The device.</param>
public readonly record struct ResetEvent(EventStamp Stamp, Endpoint Endpoint) : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Reset;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnReset(in this);
}

/// <summary>A device is about to be told that a driver wrote a doorbell, or a descriptor to a portal.</summary>
/// <param name="Stamp">When.</param>
/// <param name="Endpoint">The device.</param>
/// <param name="Bar">The BAR.</param>
/// <param name="Offset">Where in the BAR.</param>
/// <param name="Width">Bytes written: 1, 2, 4 or 8 to a doorbell, 64 to a portal.</param>
/// <param name="Value">What was written; of a descriptor the first 8 bytes.</param>
public readonly record struct DoorbellEvent(
    EventStamp Stamp, Endpoint Endpoint, int Bar, ulong Offset, int Width, ulong Value)
    : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Doorbell;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnDoorbell(in this);
}

/// <summary>A device raises an interrupt: it sends a message, or changes its line.</summary>
/// <param name="Stamp">When.</param>
/// <param name="Endpoint">The device.</param>
/// <param name="Vector">The number of the message; null for the line.</param>
/// <param name="IsAsserted">Whether the line is asserted now; true for a message.</param>
public readonly record struct InterruptEvent(EventStamp Stamp, Endpoint Endpoint, int? Vector, bool IsAsserted)
    : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Interrupt;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnInterrupt(in this);
}
