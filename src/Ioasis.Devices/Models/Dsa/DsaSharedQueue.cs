namespace Ioasis.Devices.Dsa;

/// <summary>
/// A queue of the parent that takes the descriptors of several parts. Each part has one entry for itself, so that none
/// keeps another out; the other entries are for all.
/// </summary>
internal sealed class DsaSharedQueue
{
    /// <summary>The most parts of a queue.</summary>
    internal const int MaxParts = 8;

    /// <summary>The most entries that one part can have.</summary>
    internal const int Threshold = Common + 1;

    private const int Common = DsaLayout.PartEntries - MaxParts;
    private int _taken; // of the common entries

    /// <summary>Number of its parts. The host calls for one part of a device at a time.</summary>
    internal int Parts { get; set; }

    /// <summary>Takes an entry for a part that has <paramref name="own"/>; false if the queue is full.</summary>
    internal bool TryTake(int own)
    {
        if (own == 0) return true;
        if (Interlocked.Increment(ref _taken) <= Common) return true;
        Interlocked.Decrement(ref _taken);
        return false;
    }

    /// <summary>Gives entries back of a part that has <paramref name="own"/> afterwards.</summary>
    internal void Give(int count, int own)
    {
        if (own == 0) count--; // the one that is the part's
        if (count > 0) Interlocked.Add(ref _taken, -count);
    }
}
