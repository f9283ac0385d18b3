namespace Ioasis.Core.Observation;

/// <summary>The kinds of event that an observer can be told of.</summary>
[Flags]
public enum EventKinds
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Memory was mapped: <see cref="MapEvent"/>.</summary>
    Map = 1 << 0,

    /// <summary>Memory is unmapped: <see cref="UnmapEvent"/>.</summary>
    Unmap = 1 << 1,

    /// <summary>A requester ID or a PASID is attached: <see cref="AttachEvent"/>.</summary>
    Attach = 1 << 2,

    /// <summary>It is detached: <see cref="DetachEvent"/>.</summary>
    Detach = 1 << 3,

    /// <summary>An owner of a first stage invalidates caches: <see cref="InvalidateEvent"/>.</summary>
    Invalidate = 1 << 4,

    /// <summary>A device asks for a page: <see cref="PageRequestEvent"/>.</summary>
    PageRequest = 1 << 5,

    /// <summary>A group of page requests is answered: <see cref="PageResponseEvent"/>.</summary>
    PageResponse = 1 << 6,

    /// <summary>An access was refused: <see cref="FaultEvent"/>.</summary>
    Fault = 1 << 7,

    /// <summary>A device is reset: <see cref="ResetEvent"/>.</summary>
    Reset = 1 << 8,

    /// <summary>A driver rings a doorbell: <see cref="DoorbellEvent"/>.</summary>
    Doorbell = 1 << 9,

    /// <summary>A device raises an interrupt: <see cref="InterruptEvent"/>.</summary>
    Interrupt = 1 << 10,

    /// <summary>A device is bound to a context: <see cref="BindEvent"/>.</summary>
    Bind = 1 << 11,

    /// <summary>A device is unbound: <see cref="UnbindEvent"/>.</summary>
    Unbind = 1 << 12,

    /// <summary>A program opens a node: <see cref="OpenEvent"/>.</summary>
    Open = 1 << 13,

    /// <summary>The last reference to an open node is gone: <see cref="CloseEvent"/>.</summary>
    Close = 1 << 14,

    /// <summary>A call on an open node was answered: <see cref="CallEvent"/>.</summary>
    Call = 1 << 15,

    /// <summary>Something goes wrong because an injector says so: <see cref="InjectEvent"/>.</summary>
    Inject = 1 << 16,

    /// <summary>An answer to page requests that wait for none: <see cref="StrayResponseEvent"/>.</summary>
    StrayResponse = 1 << 17,

    /// <summary>An mdev comes or goes: <see cref="MdevEvent"/>.</summary>
    Mdev = 1 << 18,

    /// <summary>All of them that cost a device's accesses nothing: those above.</summary>
    All = (1 << 19) - 1,

    /// <summary>A device accessed memory: <see cref="DmaEvent"/>.</summary>
    Dma = 1 << 19,

    /// <summary>A device uses a translation that tables no longer say: <see cref="StaleTranslationEvent"/>.</summary>
    StaleTranslation = 1 << 20,

    /// <summary>Those for which accesses take a slower path while an observer wants them.</summary>
    Watched = Dma | StaleTranslation,

    /// <summary>
    /// No event: calls come with the memory and the files that they name (<see cref="NodeCall.Data"/>).
    /// </summary>
    CallData = 1 << 21,

    /// <summary>No event: calls that map memory or start devices come with the mapped pages, too.</summary>
    CallPages = 1 << 22,

    /// <summary>
    /// A device whose accesses are watched shows its driver something: <see cref="ProgressEvent"/>. Only checks ask for
    /// it.
    /// </summary>
    Progress = 1 << 23,

    /// <summary>
    /// No event: the accesses of devices are counted (<see cref="Observers.CountAccesses"/>). They then take a way that
    /// is some nanoseconds longer.
    /// </summary>
    AccessCounts = 1 << 24,

    /// <summary>
    /// A call on an open node was answered, and only that is told: <see cref="AnsweredEvent"/>. Cheaper than
    /// <see cref="Call"/>, for which the call's structures are read.
    /// </summary>
    Answered = 1 << 25,
}
