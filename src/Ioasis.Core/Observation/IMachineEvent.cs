namespace Ioasis.Core.Observation;

/// <summary>An event of a kind of its own. A struct, so that telling it allocates nothing.</summary>
public interface IMachineEvent
{
    /// <summary>Its kind.</summary>
    static abstract EventKinds Kind { get; }

    /// <summary>When it happened.</summary>
    EventStamp Stamp { get; }

    /// <summary>Calls the observer's method for it.</summary>
    void Tell(MachineObserver observer);
}
