using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;

namespace Ioasis.Core.Observation;

/// <summary>A device accessed memory. A long access is told in pieces, each of which one mapping translates.</summary>
/// <param name="Stamp">When it was over.</param>
/// <param name="Endpoint">The device.</param>
/// <param name="Access">The access.</param>
public readonly record struct DmaEvent(EventStamp Stamp, Endpoint Endpoint, SeenAccess Access) : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Dma;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnDma(in this);
}

/// <summary>
/// A device is about to show its driver a register, a status in memory or an interrupt, which may be the end of a
/// command.
/// </summary>
/// <param name="Stamp">When.</param>
/// <param name="Endpoint">The device.</param>
public readonly record struct ProgressEvent(EventStamp Stamp, Endpoint Endpoint) : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Progress;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnProgress(in this);
}

/// <summary>
/// An access uses a translation of a first stage that a cache keeps, while the tables say something else: they were
/// changed, and the translation is not invalidated yet.
/// </summary>
/// <param name="Stamp">When.</param>
/// <param name="Endpoint">The device.</param>
/// <param name="Pasid">The PASID of the request; null for none.</param>
/// <param name="Iova">The address.</param>
/// <param name="IsWrite">Whether the device writes memory.</param>
/// <param name="Domain">The first stage.</param>
/// <param name="IsOfDevice">Whether the device keeps the translation by itself (ATS).</param>
public readonly record struct StaleTranslationEvent(
    EventStamp Stamp, Endpoint Endpoint, Pasid? Pasid, Iova Iova, bool IsWrite, NestedDomain Domain, bool IsOfDevice)
    : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.StaleTranslation;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnStaleTranslation(in this);
}

/// <summary>An access, or a piece of one, that is watched.</summary>
/// <param name="Pasid">The PASID of the request; null for none.</param>
/// <param name="Iova">Its first address.</param>
/// <param name="Space">The I/O address space, as in <see cref="MapEvent"/>.</param>
/// <param name="Address">Its first address there: behind a first stage, what that gave.</param>
/// <param name="Length">Bytes.</param>
/// <param name="IsWrite">Whether the device writes memory.</param>
public sealed record SeenAccess(
    Pasid? Pasid, Iova Iova, object Space, ulong Address, int Length, bool IsWrite)
{
    /// <summary>Its last address in the I/O address space.</summary>
    public ulong Last => Address + (ulong)Length - 1;
}
