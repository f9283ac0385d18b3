using Ioasis.Abi;
using Ioasis.Host.Serving;

namespace Ioasis.Tests.Host;

public sealed class ProgramSharesTests
{
    private static readonly ShareKey s_one = new(1, IsPath: false), s_paths = s_one with { IsPath = true },
        s_other = new(2, IsPath: false);
    private readonly ProgramShares _shares = new();

    [Fact]
    public void WhoHasAllOfItsShareHasFurtherCallsKeptInOrder()
    {
        for (int i = 0; i < ProgramShares.MostHeld; i++)
        {
            Assert.False(_shares.AnyIsFull);
            Assert.False(_shares.TryKeep(s_one, Call(0)));
            _shares.Hold(s_one);
        }

        Assert.True(_shares.AnyIsFull);
        Assert.False(_shares.TryKeep(s_other, Call(1)));
        Assert.False(_shares.TryKeep(s_paths, Call(2)));
        Assert.True(_shares.TryKeep(s_one, Call(3)));
        Assert.True(_shares.TryKeep(s_one, Call(4)));
        Assert.True(_shares.TryTakeNext(s_one, out SeccompNotif next));
        Assert.Equal(3UL, next.Id);
        Assert.True(_shares.TryKeep(s_one, Call(5))); // the thread goes on with what was kept
        Assert.True(_shares.TryTakeNext(s_one, out next));
        Assert.Equal(4UL, next.Id);
        Assert.True(_shares.TryTakeNext(s_one, out next));
        Assert.Equal(5UL, next.Id);
        Assert.False(_shares.TryTakeNext(s_one, out _));
        Assert.False(_shares.AnyIsFull);
        Assert.False(_shares.TryKeep(s_one, Call(6)));
    }

    [Fact]
    public void WhatIsHeldNoLongerIsForgotten()
    {
        for (int i = 0; i < ProgramShares.MostHeld; i++) _shares.Hold(s_one);
        for (int i = 0; i < ProgramShares.MostHeld; i++) Assert.False(_shares.TryTakeNext(s_one, out _));
        Assert.False(_shares.AnyIsFull);
        _shares.Hold(s_one);
        Assert.False(_shares.TryKeep(s_one, Call(1)));
    }

    private static SeccompNotif Call(ulong id) => new() { Id = id };
}
