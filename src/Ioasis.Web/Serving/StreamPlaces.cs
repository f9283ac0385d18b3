namespace Ioasis.Web.Serving;

/// <summary>The places for streams, which all machines of a page share. There are fewer than connections.</summary>
internal sealed class StreamPlaces
{
    /// <summary>The most streams at a time.</summary>
    internal const int Most = 64;

    private int _taken;

    /// <summary>Takes a place; false if none is free.</summary>
    public bool TryTake()
    {
        if (Interlocked.Increment(ref _taken) <= Most) return true;
        GiveBack();
        return false;
    }

    /// <summary>Gives a place back.</summary>
    public void GiveBack() => Interlocked.Decrement(ref _taken);
}
