using System.Runtime.CompilerServices;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Memory;

namespace Ioasis.Core.Dma;

/// <summary>
/// A port whose accesses observers see. All its accesses are slow ones, so that others pay nothing for the question
/// whether somebody watches.
/// </summary>
public sealed partial class DmaPort
{
    private const int ByDeviceTlb = 1, ByObservers = 2, ByInjector = 4, ByMeter = 8; // bits of _slow

    private const int MostUnacknowledged = 64;

    private volatile SeenAccess? _underWay; // of the piece that is being moved, while it is watched
    private volatile Unacknowledged? _unacknowledged; // the newest of them
    private long _progress; // of the device, when the piece began

    /// <summary>The piece of an access that is being moved now; null for none, or if nobody watches.</summary>
    internal SeenAccess? UnderWay => _underWay;

    private bool IsWatched => (_slow & ByObservers) != 0;

    /// <summary>Takes the fast path or the slow one from now on. The observers call it, with their lock held.</summary>
    internal void Watch(bool isWanted)
    {
        if (isWanted == IsWatched) return;
        if (isWanted) Interlocked.Or(ref _slow, ByObservers);
        else Interlocked.And(ref _slow, ~ByObservers);
        Interlocked.Add(ref _generation, GenerationStep); // what was kept before is not found any more
    }

    /// <summary>
    /// The engine that uses the port is done: its device progresses (<see cref="Endpoint.Progress"/>).
    /// </summary>
    internal void Rest() => _endpoint.Progress(mayBeDone: true);

    /// <summary>A piece of an access is about to be moved.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private SeenAccess BeginWatched(Iova iova, Pasid? pasid, in Resolution step, int count, bool isWrite)
    {
        var access = new SeenAccess(Carried(pasid), iova, step.Route!.Table.Space, step.Address, count, isWrite);
        _progress = _endpoint.ProgressCount;
        _underWay = access;
        Interleave.At("DmaPort.UnderWay");
        return access;
    }

    /// <summary>
    /// Finds the accesses that are over, and after which the device has not progressed. Any thread may ask.
    /// </summary>
    internal void AddUnacknowledged(ref List<SeenAccess>? found)
    {
        Unacknowledged? newest = _unacknowledged;
        long progress = _endpoint.ProgressCount; // after the list: what ended before has the number of then
        for (Unacknowledged? one = newest; one is not null && one.Progress == progress; one = one.Before)
            (found ??= []).Add(one.Access);
    }

    /// <summary>It was moved.</summary>
    private void TellWatched(SeenAccess access)
    {
        if (access.Length > Endpoint.LongestStatus)
        {
            Unacknowledged? before = _unacknowledged;
            if (before is not null && (before.Progress != _progress || before.Count == MostUnacknowledged))
                before = null;
            _unacknowledged = new Unacknowledged(access, _progress, before);
        }

        Observers observers = _endpoint.Observers;
        if (observers.Want(EventKinds.Dma)) observers.Tell(new DmaEvent(observers.Stamp(), _endpoint, access));
    }

    /// <summary>A first stage gave a page: whether its tables still say so.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Verify(FirstStageDomain firstStage, TranslationRequest request, Pasid? pasid, in FirstStageResult page)
    {
        Observers observers = _endpoint.Observers;
        if (!observers.Want(EventKinds.StaleTranslation) || !firstStage.HasChanged(request, in page)) return;
        observers.Tell(new StaleTranslationEvent(
            observers.Stamp(), _endpoint, Carried(pasid), request.Iova, request.IsWrite, firstStage, _usesDeviceTlb));
    }

    /// <summary>An access that is over, of which no driver can know yet that the device is done with it.</summary>
    /// <param name="Access">The access.</param>
    /// <param name="Progress">How often the device had progressed when it began.</param>
    /// <param name="Before">The access before it, if there was no progress between; null for none.</param>
    private sealed record Unacknowledged(SeenAccess Access, long Progress, Unacknowledged? Before)
    {
        internal int Count { get; } = 1 + (Before?.Count ?? 0);
    }
}
