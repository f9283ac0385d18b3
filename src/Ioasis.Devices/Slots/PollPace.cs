namespace Ioasis.Devices.Slots;

/// <summary>
/// How soon to look at mapped BARs again. At once for a while after anything happened, because more is likely; how long a while is learned: longer where
/// something came soon after it, shorter where nothing did (as Linux's KVM learns how long to poll before it halts a processor). Then once a millisecond,
/// and ever more seldom where nothing happens at all.
/// </summary>
/// <param name="frequency">Units of time a second.</param>
internal sealed class PollPace(long frequency)
{
    private const int NapMilliseconds = 1, LongestNapMilliseconds = 8;
    private readonly long _shortest = frequency / 10_000;
    private readonly long _longest = frequency / 500;
    private readonly long _warm = frequency / 4;
    private long _last;
    private long _while = frequency / 500;

    /// <summary>How many milliseconds to wait after a look; 0 for none.</summary>
    /// <param name="now">When the look was over; never less than the time before.</param>
    /// <param name="any">Whether something happened.</param>
    internal int Next(long now, bool any)
    {
        long idle = now - _last;
        if (any)
        {
            _while = idle <= _longest ? Math.Min(_while * 2, _longest) : Math.Max(_while / 2, _shortest);
            _last = now;
            return 0;
        }

        if (idle < _while) return 0;
        return idle < _warm ? NapMilliseconds : (int)Math.Min(NapMilliseconds + (idle / _warm), LongestNapMilliseconds);
    }
}
