using Ioasis.Abi;
using Ioasis.Replay.Calls;
using Ioasis.Replay.InProcess;

namespace Ioasis.Replay.Generator;

/// <summary>What a generator believes of a vDPA device, from the answers that calls had.</summary>
internal sealed class VdpaState
{
    internal bool IsOpen { get; init; }

    internal bool HasOwner { get; set; }

    /// <summary>Whether DRIVER_OK is set, and whether a queue was enabled since the last reset.</summary>
    internal bool IsStarted { get; set; }

    internal bool HasQueue { get; set; }

    /// <summary>Whether messages name an address space; else all are of the first.</summary>
    internal bool HasAsids { get; set; }

    /// <summary>What is mapped in each address space: first and last IOVA.</summary>
    internal List<(ulong First, ulong Last)>[] Areas { get; } = [[], []];

    /// <summary>The areas of the address space that a message is about; none for one that there is not.</summary>
    internal List<(ulong First, ulong Last)> AreasOf(Call message)
    {
        ulong asid = HasAsids && message.Find("version") is null ? Value(message, "asid") : 0;
        return asid < (ulong)Areas.Length ? Areas[asid] : [];
    }

    /// <summary>Takes note of a message that was taken.</summary>
    internal void Observe(Call message)
    {
        ulong first = Value(message, "iova"), last = unchecked(first + Value(message, "size") - 1);
        switch (Value(message, "kind"))
        {
            case VhostH.VHOST_IOTLB_UPDATE:
                AreasOf(message).Add((first & ~(Place.Page - 1), last | (Place.Page - 1)));
                break;
            case VhostH.VHOST_IOTLB_INVALIDATE:
                AreasOf(message).RemoveAll(a => a.First <= last && first <= a.Last);
                break;
        }
    }

    /// <summary>
    /// Whether an INVALIDATE takes each area as a whole or not at all. Linux enters an area as the runs that its pages
    /// are in physical memory, and takes out those runs that are named.
    /// </summary>
    internal bool TakesWholeAreas(Call message)
    {
        ulong first = Value(message, "iova"), last = unchecked(first + Value(message, "size") - 1);
        return AreasOf(message).TrueForAll(a => a.Last - a.First < Place.Page
            || (first <= last && (a.First > last || first > a.Last || (first <= a.First && a.Last <= last))));
    }

    private static ulong Value(Call call, string key) => call.Find(key) is { } text ? Place.Resolve(text) : 0;
}
