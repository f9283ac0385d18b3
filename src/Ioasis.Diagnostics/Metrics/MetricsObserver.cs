using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Ioasis.Abi;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Observation;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Diagnostics.Metrics;

/// <summary>
/// Counts what happens in a machine, and makes the spans of calls. It is called by the thread that does the thing,
/// sometimes with locks held: so it only adds to instruments, whose listeners must not wait.
/// </summary>
internal sealed class MetricsObserver : MachineObserver
{
    // A device may have fewer unanswered. More than these would be of devices that are gone.
    private const int MostRequests = 65_536;

    private static readonly double[] s_callBounds =
        [1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 0.1, 1, 10];

    private static readonly double[] s_pageRequestBounds =
        [1e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1, 2, 5, 10];

    private readonly Counter<long> _faults;
    private readonly Counter<long> _invalidations;
    private readonly Counter<long> _resets;
    private readonly Counter<long> _interrupts;
    private readonly Histogram<double> _calls;
    private readonly Histogram<double> _pageRequests;
    private readonly ConditionalWeakTable<Endpoint, string> _names = [];
    private readonly ConcurrentDictionary<(Endpoint Endpoint, Pasid? Pasid, uint Group), long> _asked = [];

    internal MetricsObserver(Meter meter)
    {
        _faults = meter.CreateCounter<long>(
            "ioasis.faults", "{fault}", "Accesses of devices that were refused for good.");
        _invalidations = meter.CreateCounter<long>(
            "ioasis.invalidations", "{invalidation}", "Invalidations of first-stage caches by programs.");
        _resets = meter.CreateCounter<long>("ioasis.resets", "{reset}", "Resets of devices.");
        _interrupts = meter.CreateCounter<long>("ioasis.interrupts", "{interrupt}", "Interrupts that devices raised.");
        _calls = meter.CreateHistogram(
            "ioasis.call.duration", "s", "Time to serve a program's call on a node.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = s_callBounds });
        _pageRequests = meter.CreateHistogram(
            "ioasis.page_request.duration", "s", "Time from the last page request of a group to its answer.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = s_pageRequestBounds });
    }

    /// <inheritdoc/>
    public override EventKinds Kinds =>
        EventKinds.Call | EventKinds.Fault | EventKinds.Invalidate | EventKinds.Reset | EventKinds.Interrupt
        | EventKinds.PageRequest | EventKinds.PageResponse | EventKinds.AccessCounts;

    /// <inheritdoc/>
    internal override void OnCall(in CallEvent e)
    {
        NodeCall call = e.Call;
        if (_calls.Enabled)
        {
            _calls.Record(
                Stopwatch.GetElapsedTime(call.Began, e.Stamp.Timestamp).TotalSeconds,
                new(Labels.Call, call.CommandName ?? call.Name), new(Labels.Errno, ErrnoOf(call)));
        }

        if (CallSpans.AreHeard) CallSpans.Tell(in e, ErrnoOf(call));
    }

    /// <inheritdoc/>
    public override void OnFault(in FaultEvent e)
    {
        if (_faults.Enabled)
        {
            _faults.Add(
                1, new(Labels.Unit, e.Endpoint.Unit.Name), DeviceOf(e.Endpoint),
                new(Labels.Reason, NamesOf<FaultReason>.Of(e.Reason)));
        }
    }

    /// <inheritdoc/>
    public override void OnInvalidate(in InvalidateEvent e)
    {
        if (_invalidations.Enabled) _invalidations.Add(1);
    }

    /// <inheritdoc/>
    public override void OnReset(in ResetEvent e)
    {
        if (_resets.Enabled) _resets.Add(1, DeviceOf(e.Endpoint));
    }

    /// <inheritdoc/>
    public override void OnInterrupt(in InterruptEvent e)
    {
        if (e.IsAsserted && _interrupts.Enabled) _interrupts.Add(1, DeviceOf(e.Endpoint));
    }

    /// <inheritdoc/>
    public override void OnPageRequest(in PageRequestEvent e)
    {
        if (!e.Request.IsLast || !_pageRequests.Enabled) return;
        if (_asked.Count >= MostRequests) _asked.Clear();
        _asked[(e.Endpoint, e.Request.Pasid, e.Request.Group)] = e.Stamp.Timestamp;
    }

    /// <inheritdoc/>
    public override void OnPageResponse(in PageResponseEvent e)
    {
        if (!_asked.TryRemove((e.Endpoint, e.Pasid, e.Group), out long asked)) return;
        _pageRequests.Record(
            Stopwatch.GetElapsedTime(asked, e.Stamp.Timestamp).TotalSeconds, DeviceOf(e.Endpoint),
            new(Labels.Response, NamesOf<PageResponse>.Of(e.Response)));
    }

    private static string ErrnoOf(NodeCall call) => call.Result >= 0 ? "ok" : NamesOf<Errno>.Of((Errno)(-call.Result));

    private KeyValuePair<string, object?> DeviceOf(Endpoint endpoint) =>
        new(Labels.Device, _names.GetValue(endpoint, static e => e.Id.ToString()));

    /// <summary>The names of an enum's values, without a new text for each use.</summary>
    private static class NamesOf<T> where T : struct, Enum
    {
        private static readonly ConcurrentDictionary<T, string> s_names = [];

        internal static string Of(T value) => s_names.GetOrAdd(value, static v => v.ToString());
    }
}
