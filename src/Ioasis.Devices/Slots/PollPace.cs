namespace Ioasis.Devices.Slots;

/// <summary>
/// How soon to look at mapped BARs again: at once for a moment after anything happened, as the answer to it is near;
/// then with naps so short that whoever comes is hardly kept waiting, for as long as more is likely; then once a
/// millisecond, and every other where nothing happens at all. How long more is likely is learned: longer where
/// something came soon, shorter where nothing did (as Linux's KVM learns how long to poll before it halts a processor).
/// </summary>
/// <remarks>
/// A thread that naps takes little of a processor and so gets one at once when it wakes, however many others want it.
/// One that looks without a pause uses its share up, and then waits for milliseconds. So where that is seen to have
/// happened it naps, too, for a while.
/// </remarks>
/// <param name="frequency">Units of time a second.</param>
internal sealed class PollPace(long frequency)
{
    private const int ShortNap = 10, LongerNap = 50, Nap = 1000, LongestNap = 2000; // microseconds
    private readonly long _moment = frequency / 20_000;
    private readonly long _soon = frequency / 500;
    private readonly long _longest = frequency / 20;
    private readonly long _warm = frequency / 4;
    private readonly long _lost = frequency / 2000; // a processor was another's between two looks
    private readonly long _crowded = frequency / 10;
    private long _last;
    private long _looked;
    private long _crowdedUntil;
    private long _while = frequency / 500;

    /// <summary>How many microseconds to wait after a look; 0 for none.</summary>
    /// <param name="now">When the look was over; never less than the time before.</param>
    /// <param name="any">Whether something happened.</param>
    internal int Next(long now, bool any)
    {
        long idle = now - _last;
        if (_looked != 0 && now - _looked > _lost) _crowdedUntil = now + _crowded;
        _looked = 0;
        if (any)
        {
            _while = idle <= _longest ? Math.Min(_while * 2, _longest) : Math.Max(_while / 2, _soon);
            _last = now;
            idle = 0;
        }

        if (idle < _moment && now >= _crowdedUntil)
        {
            _looked = now;
            return 0;
        }

        if (idle < _soon) return ShortNap;
        if (idle < _while) return LongerNap;
        return idle < _warm ? Nap : LongestNap;
    }
}
