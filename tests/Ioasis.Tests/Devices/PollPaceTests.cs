using Ioasis.Devices.Slots;

namespace Ioasis.Tests.Devices;

public sealed class PollPaceTests
{
    private const long Millisecond = 1000; // of microseconds
    private readonly PollPace _pace = new(1_000_000);
    private long _now = 1_000_000;

    [Fact]
    public void ItLooksWithoutAPauseForAMomentThenWithShortNapsAndThenEverMoreSeldom()
    {
        Happens();
        for (int i = 0; i < 5; i++) Happens(10);
        Assert.Equal(0, After(60)); // an eighth of 100 more, but for what was rounded
        Assert.Equal(10, After(1));
        Assert.Equal(10, After(1938));
        Assert.Equal(50, After(1));
        Assert.Equal(50, After(48 * Millisecond - 1));
        Assert.Equal(1000, After(1));
        Assert.Equal(1000, After((200 * Millisecond) - 1));
        Assert.Equal(2000, After(1));
        Assert.Equal(2000, After((1750 * Millisecond) - 1));
        Assert.Equal(8000, After(1));
        Assert.Equal(8000, After((8000 * Millisecond) - 1));
        Assert.Equal(25_000, After(1));
        Assert.Equal(25_000, After((20_000 * Millisecond) - 1));
        Assert.Equal(50_000, After(1));
        Happens();
        Assert.Equal(0, After(0));
    }

    [Fact]
    public void WhoeverKeptTheDeviceBusyIsWaitedForLonger()
    {
        Happens();
        for (int i = 0; i < 400; i++) Happens(40);
        Assert.Equal(0, After(2055)); // an eighth of 16 ms more, and of the first 50 µs
        Assert.Equal(50, After(1));
        Assert.Equal(0, Happens());
        Assert.Equal(0, After(55)); // it is used up
        Assert.Equal(10, After(1));

        Happens();
        for (int i = 0; i < 2000; i++) Happens(40);
        Assert.Equal(0, Happens(2 * Millisecond)); // 5 ms are the most, and 2 are used up
        Assert.Equal(0, After((3 * Millisecond) + 49));
        Assert.Equal(50, After(1));
    }

    [Fact]
    public void ALongCommandCostsNothing()
    {
        Happens();
        for (int i = 0; i < 400; i++) Happens(40);
        _now += 30 * Millisecond;
        Assert.Equal(0, _pace.Begin(_now));
        Assert.Equal(0, After(2061));
        Assert.Equal(50, After(1));
    }

    [Fact]
    public void WhoeverIsSeldomAboutIsNot()
    {
        for (int i = 0; i < 1000; i++) Happens(51);
        Assert.Equal(0, After(49));
        Assert.Equal(10, After(1));
    }

    [Fact]
    public void ShortNapsEndSoonWhereTheyDoNotPay()
    {
        for (int i = 0; i < 10; i++) Happens(100 * Millisecond);
        Assert.Equal(10, After((2 * Millisecond) - 1));
        Assert.Equal(1000, After(1));
    }

    [Fact]
    public void AndLateAgainWhereTheyDo()
    {
        for (int i = 0; i < 10; i++) Happens(100 * Millisecond);
        for (int i = 0; i < 5; i++) Happens(50 * Millisecond);
        Assert.Equal(50, After((50 * Millisecond) - 1));
        Assert.Equal(1000, After(1));
    }

    [Fact]
    public void WhereOthersWantTheProcessorItNaps()
    {
        Lose();
        Lose();
        _pace.Rest();
        Assert.Equal(0, Happens(Millisecond)); // for a moment it happens anywhere
        Lose();
        foreach (int naps in (int[])[10, 20, 40, 80, 100, 100]) // ever longer, as it is soon again
        {
            Assert.Equal(10, Happens());
            Assert.Equal(10, Happens((naps * Millisecond) - 1));
            Assert.Equal(0, Happens(1));
            Lose();
        }

        _pace.Rest();
        Assert.Equal(0, Happens(120 * Millisecond));
        Lose(); // not soon
        Assert.Equal(0, Happens());
    }

    [Fact]
    public void LossesThatAreRareAreNone()
    {
        for (int i = 0; i < 5; i++)
        {
            Lose();
            _pace.Rest();
            Assert.Equal(0, Happens(40 * Millisecond));
        }
    }

    [Fact]
    public void WhileSomebodyElsePollsNothingIsLost()
    {
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(0, Happens());
            _pace.Rest();
            Assert.Equal(0, Happens(5 * Millisecond));
            _now += 5 * Millisecond;
            Assert.Equal(0, _pace.Begin(_now));
        }
    }

    // Looks without a pause, and for 5 ms does not get to look again.
    private void Lose()
    {
        Happens();
        Happens(5 * Millisecond);
    }

    private int Happens(long after = 0)
    {
        _now += after;
        return _pace.Next(_now, any: true);
    }

    private int After(long time)
    {
        _now += time;
        return _pace.Next(_now, any: false);
    }
}
