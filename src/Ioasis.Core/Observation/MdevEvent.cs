namespace Ioasis.Core.Observation;

/// <summary>An mdev was created, or is about to be removed.</summary>
/// <param name="Stamp">When.</param>
/// <param name="Uuid">The mdev.</param>
/// <param name="Parent">The name of its parent.</param>
/// <param name="Type">The name of its type.</param>
/// <param name="IsCreated">Whether it was created.</param>
public readonly record struct MdevEvent(EventStamp Stamp, Guid Uuid, string Parent, string Type, bool IsCreated)
    : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Mdev;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnMdev(in this);
}
