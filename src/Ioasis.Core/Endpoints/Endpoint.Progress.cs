using Ioasis.Core.Dma;
using Ioasis.Core.Observation;

namespace Ioasis.Core.Endpoints;

/// <summary>
/// What a device is doing, as observers ask for it. Only watched accesses (<see cref="EventKinds.Watched"/>) are known.
/// </summary>
public sealed partial class Endpoint
{
    /// <summary>
    /// The longest write, in bytes, by which a device tells its driver that something is done: the entry of a queue, a
    /// status, an index.
    /// </summary>
    public const int LongestStatus = 64;

    private long _progress; // how often it has progressed; other threads add to it

    /// <summary>
    /// The accesses whose bytes are being moved at this moment. Takes no lock, so that an observer may ask.
    /// </summary>
    public IReadOnlyList<SeenAccess> AccessesUnderWay
    {
        get
        {
            List<SeenAccess>? found = null;
            foreach (DmaPort port in Volatile.Read(ref _ports))
                if (port.UnderWay is { } access) (found ??= []).Add(access);
            return found ?? (IReadOnlyList<SeenAccess>)[];
        }
    }

    /// <summary>
    /// The last accesses that are over, of more than <see cref="LongestStatus"/> bytes, since the device progressed: no
    /// driver can know yet that it is done with them. Takes no lock.
    /// </summary>
    public IReadOnlyList<SeenAccess> AccessesSinceProgress
    {
        get
        {
            List<SeenAccess>? found = null;
            foreach (DmaPort port in Volatile.Read(ref _ports)) port.AddUnacknowledged(ref found);
            return found ?? (IReadOnlyList<SeenAccess>)[];
        }
    }

    /// <summary>How often the device has progressed while its accesses were watched.</summary>
    public long ProgressCount => Volatile.Read(ref _progress);

    /// <summary>
    /// The device progresses: it is about to show its driver a byte, a register, a status in memory or an interrupt, or
    /// it goes idle. Called before the driver can see it.
    /// </summary>
    /// <param name="mayBeDone">Whether the driver may take it as the end of a command. Bytes of a BAR's memory are
    /// none.</param>
    public void Progress(bool mayBeDone)
    {
        if (!Observers.Want(EventKinds.Watched)) return;
        Interlocked.Increment(ref _progress);
        if (mayBeDone && Observers.Want(EventKinds.Progress))
            Observers.Tell(new ProgressEvent(Observers.Stamp(), this));
    }
}
