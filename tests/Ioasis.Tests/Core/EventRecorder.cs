using System.Collections.Concurrent;
using Ioasis.Core.Observation;

namespace Ioasis.Tests.Core;

/// <summary>
/// An observer that keeps everything it is told, from whichever thread; calls only where it is asked to.
/// </summary>
internal sealed class EventRecorder(EventKinds kinds = EventKinds.All & ~EventKinds.Call) : MachineObserver
{
    private readonly ConcurrentQueue<Told> _told = new();

    public override EventKinds Kinds => kinds;

    /// <summary>All events, in the order of their stamps.</summary>
    internal IReadOnlyList<object> Events => [.. _told.OrderBy(t => t.Stamp.Sequence).Select(t => t.Event)];

    /// <summary>Their stamps.</summary>
    internal IReadOnlyList<EventStamp> Stamps => [.. _told.Select(t => t.Stamp).OrderBy(s => s.Sequence)];

    internal IReadOnlyList<T> Of<T>() => [.. Events.OfType<T>()];

    public override void OnMap(in MapEvent e) => Keep(e);

    public override void OnUnmap(in UnmapEvent e) => Keep(e);

    public override void OnAttach(in AttachEvent e) => Keep(e);

    public override void OnDetach(in DetachEvent e) => Keep(e);

    public override void OnInvalidate(in InvalidateEvent e) => Keep(e);

    public override void OnPageRequest(in PageRequestEvent e) => Keep(e);

    public override void OnPageResponse(in PageResponseEvent e) => Keep(e);

    public override void OnFault(in FaultEvent e) => Keep(e);

    public override void OnReset(in ResetEvent e) => Keep(e);

    public override void OnDoorbell(in DoorbellEvent e) => Keep(e);

    public override void OnInterrupt(in InterruptEvent e) => Keep(e);

    public override void OnBind(in BindEvent e) => Keep(e);

    public override void OnUnbind(in UnbindEvent e) => Keep(e);

    public override void OnOpen(in OpenEvent e) => Keep(e);

    public override void OnClose(in CloseEvent e) => Keep(e);

    internal override void OnCall(in CallEvent e) => Keep(e);

    public override void OnInject(in InjectEvent e) => Keep(e);

    public override void OnMdev(in MdevEvent e) => Keep(e);

    public override void OnDma(in DmaEvent e) => Keep(e);

    private void Keep<T>(in T e) where T : struct, IMachineEvent => _told.Enqueue(new Told(e.Stamp, e));

    private readonly record struct Told(EventStamp Stamp, object Event);
}
