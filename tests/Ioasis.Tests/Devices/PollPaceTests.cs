using Ioasis.Devices.Slots;

namespace Ioasis.Tests.Devices;

public sealed class PollPaceTests
{
    private const long Millisecond = 1000; // of microseconds
    private readonly PollPace _pace = new(1_000_000);
    private long _now = 1_000_000;

    [Fact]
    public void ItLooksWithoutAPauseForAWhileAndThenEverMoreSeldom()
    {
        Happens();
        Happens(10);
        Assert.Equal(0, After(1999));
        Assert.Equal(1, After(1));
        Assert.Equal(1, After(247 * Millisecond));
        Assert.Equal(2, After(Millisecond));
        Assert.Equal(8, After(10_000 * Millisecond));
        Happens();
        Assert.Equal(0, After(0));
    }

    [Fact]
    public void TheWhileIsShortWhereItDoesNotPay()
    {
        for (int i = 0; i < 10; i++) Happens(10 * Millisecond);
        Assert.Equal(0, After(99));
        Assert.Equal(1, After(1));
    }

    [Fact]
    public void AndLongAgainWhereItDoes()
    {
        for (int i = 0; i < 10; i++) Happens(10 * Millisecond);
        for (int i = 0; i < 5; i++) Happens(2 * Millisecond);
        Assert.Equal(0, After(1999));
        Assert.Equal(1, After(1));
    }

    private void Happens(long after = 0)
    {
        _now += after;
        Assert.Equal(0, _pace.Next(_now, any: true));
    }

    private int After(long time)
    {
        _now += time;
        return _pace.Next(_now, any: false);
    }
}
