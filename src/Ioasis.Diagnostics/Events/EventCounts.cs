using System.Numerics;
using Ioasis.Core.Observation;

namespace Ioasis.Diagnostics.Events;

/// <summary>
/// Counts events by kind, and does nothing else with them: what a page that is open costs a program. Calls are counted
/// without being told (<see cref="EventKinds.Answered"/>), and accesses by their ports
/// (<see cref="EventKinds.AccessCounts"/>).
/// </summary>
internal sealed class EventCounts : MachineObserver
{
    private const int Spacing = 8; // a cache line for each kind
    private readonly long[] _counts = new long[32 * Spacing];
    private bool _hasChanged;

    /// <inheritdoc/>
    public override EventKinds Kinds =>
        (EventKinds.All & ~EventKinds.Call) | EventKinds.Answered | EventKinds.AccessCounts;

    /// <summary>The count of one kind. Calls are <see cref="EventKinds.Call"/>.</summary>
    internal long Of(EventKinds kind) => Volatile.Read(ref _counts[IndexOf(kind)]);

    /// <summary>Whether something happened since the last time.</summary>
    internal bool TakeChanged() => Volatile.Read(ref _hasChanged) && Interlocked.Exchange(ref _hasChanged, false);

    /// <inheritdoc/>
    public override void OnMap(in MapEvent e) => Count(EventKinds.Map);

    /// <inheritdoc/>
    public override void OnUnmap(in UnmapEvent e) => Count(EventKinds.Unmap);

    /// <inheritdoc/>
    public override void OnAttach(in AttachEvent e) => Count(EventKinds.Attach);

    /// <inheritdoc/>
    public override void OnDetach(in DetachEvent e) => Count(EventKinds.Detach);

    /// <inheritdoc/>
    public override void OnInvalidate(in InvalidateEvent e) => Count(EventKinds.Invalidate);

    /// <inheritdoc/>
    public override void OnPageRequest(in PageRequestEvent e) => Count(EventKinds.PageRequest);

    /// <inheritdoc/>
    public override void OnPageResponse(in PageResponseEvent e) => Count(EventKinds.PageResponse);

    /// <inheritdoc/>
    public override void OnStrayResponse(in StrayResponseEvent e) => Count(EventKinds.StrayResponse);

    /// <inheritdoc/>
    public override void OnFault(in FaultEvent e) => Count(EventKinds.Fault);

    /// <inheritdoc/>
    public override void OnReset(in ResetEvent e) => Count(EventKinds.Reset);

    /// <inheritdoc/>
    public override void OnDoorbell(in DoorbellEvent e) => Count(EventKinds.Doorbell);

    /// <inheritdoc/>
    public override void OnInterrupt(in InterruptEvent e) => Count(EventKinds.Interrupt);

    /// <inheritdoc/>
    public override void OnBind(in BindEvent e) => Count(EventKinds.Bind);

    /// <inheritdoc/>
    public override void OnUnbind(in UnbindEvent e) => Count(EventKinds.Unbind);

    /// <inheritdoc/>
    public override void OnOpen(in OpenEvent e) => Count(EventKinds.Open);

    /// <inheritdoc/>
    public override void OnClose(in CloseEvent e) => Count(EventKinds.Close);

    /// <inheritdoc/>
    public override void OnAnswered(in AnsweredEvent e) => Count(EventKinds.Call);

    /// <inheritdoc/>
    public override void OnInject(in InjectEvent e) => Count(EventKinds.Inject);

    /// <inheritdoc/>
    public override void OnMdev(in MdevEvent e) => Count(EventKinds.Mdev);

    private static int IndexOf(EventKinds kind) => BitOperations.TrailingZeroCount((int)kind) * Spacing;

    // The count is there before the flag, so whoever takes the flag reads it, or finds the flag again.
    private void Count(EventKinds kind)
    {
        Interlocked.Increment(ref _counts[IndexOf(kind)]);
        if (!Volatile.Read(ref _hasChanged)) Volatile.Write(ref _hasChanged, true);
    }
}
