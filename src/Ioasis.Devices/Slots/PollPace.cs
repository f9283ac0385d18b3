namespace Ioasis.Devices.Slots;

/// <summary>
/// Decides when to poll mapped BARs again. Right after an event: at once, because the answer to it is near. Then with
/// naps too short to notice, while more events are likely. Then once a millisecond, and the longer nothing happens at
/// all, the more seldom: a wake-up costs tens of microseconds. It learns how long more events are likely: longer if one
/// came soon, shorter if none did (as Linux's KVM learns how long to poll before it halts a processor).
/// </summary>
/// <remarks>
/// A driver that keeps a device busy can lose its processor for a moment. If this thread slept then, the driver's next
/// event would have to wake it, perhaps on the driver's own processor. So a busy time earns an eighth of it, which is
/// used up by polling longer without a pause.
/// <para>A thread that naps uses little of a processor, so it gets one at once when it wakes, however busy the host is.
/// One that polls without a pause uses up its share and then waits for milliseconds. So when that is seen to take a
/// quarter of the time for tens of milliseconds, this thread naps for a while too, and for longer if it happens again
/// as soon as that is over. Now and then it happens on every host, and napping would lose more.</para>
/// </remarks>
/// <param name="frequency">Units of time per second.</param>
internal sealed class PollPace(long frequency)
{
    private const int ShortNap = 10, LongerNap = 50, Nap = 1000; // microseconds
    // While a driver does nothing.
    private const int WarmNap = 2000, CoolNap = 8000, ColdNap = 25_000, FrozenNap = 50_000;
    private readonly long _moment = frequency / 20_000;
    private readonly long _mostSaved = frequency / 200; // longer than others mostly have a processor
    private readonly long _soon = frequency / 500;
    private readonly long _longest = frequency / 20;
    private readonly long _warm = frequency / 4, _cool = frequency * 2, _cold = frequency * 10,
        _frozen = frequency * 30;
    // a gap between two polls that shows that another thread had the processor
    private readonly long _gap = frequency / 2000;
    private readonly long _mostLost = frequency / 100;
    private readonly long _leastCrowded = frequency / 100, _mostCrowded = frequency / 10;
    private long _last;
    private long _looked;
    private long _saved; // how much longer than a moment it may poll without a pause
    private long _crowdedUntil = long.MinValue / 2, _crowdedFor;
    private long _lost, _lostAt; // the time that others had the processor, less a quarter of all time; and as of when
    private long _while = frequency / 500;

    /// <summary>Begins to poll after an event. Until now, somebody else polled.</summary>
    /// <returns>As that of <see cref="Next"/>.</returns>
    internal int Begin(long now)
    {
        Rest();
        return Next(now, any: true);
    }

    /// <summary>Somebody else polls for a while.</summary>
    internal void Rest() => _looked = 0;

    /// <summary>Microseconds to wait after a poll; 0 for none.</summary>
    /// <param name="now">The time at the end of the poll. Never decreases.</param>
    /// <param name="any">Whether something happened.</param>
    internal int Next(long now, bool any)
    {
        long idle = now - _last;
        bool waited = _looked != 0 && idle > _moment;
        if (_looked != 0 && now - _looked > _gap) Lose(now, now - _looked);
        _looked = 0;
        if (any)
        {
            _saved = waited
                ? Math.Max(_saved - idle, 0)
                : Math.Min(_saved + (Math.Min(idle, _moment) / 8), _mostSaved);
            _while = idle <= _longest ? Math.Min(_while * 2, _longest) : Math.Max(_while / 2, _soon);
            _last = now;
            idle = 0;
        }

        if (idle < _moment + _saved && now >= _crowdedUntil)
        {
            _looked = now;
            return 0;
        }

        _saved = 0;
        if (idle < _soon) return ShortNap;
        if (idle < _while) return LongerNap;
        if (idle < _warm) return Nap;
        if (idle < _cool) return WarmNap;
        if (idle < _cold) return CoolNap;
        return idle < _frozen ? ColdNap : FrozenNap;
    }

    private void Lose(long now, long gap)
    {
        bool isSoonAgain = now - _crowdedUntil < 4 * gap;
        _lost = Math.Max(_lost - ((now - gap - _lostAt) / 4), 0) + gap - (gap / 4);
        _lostAt = now;
        if (!isSoonAgain && _lost < _mostLost) return;
        _lost = 0;
        _crowdedFor = isSoonAgain ? Math.Min(2 * _crowdedFor, _mostCrowded) : _leastCrowded;
        _crowdedUntil = now + _crowdedFor;
    }
}
