using Ioasis.Linux.Memory;

namespace Ioasis.Tests.Host;

public sealed class StableIdTests
{
    [Fact]
    public void ACallThatCameBeforeAChangeMayNotUseIt()
    {
        var id = new StableId(1);
        long before = id.Epoch;
        Assert.True(id.TryEnter(before));
        id.Leave();
        id.BeginChange();
        Assert.False(id.TryEnter(before));
        Assert.False(id.TryEnter(id.Epoch)); // nor one that comes while it is made
        id.EndChange();
        Assert.False(id.TryEnter(before));
        Assert.True(id.TryEnter(id.Epoch));
        id.Leave();
    }

    [Fact]
    public void AChangeWaitsForTheAccessThatIsUnderWay()
    {
        var id = new StableId(1);
        Assert.True(id.TryEnter(id.Epoch));
        using var changed = new ManualResetEventSlim();
        var change = new Thread(() =>
        {
            id.BeginChange();
            changed.Set();
        });
        change.Start();
        long before = 0;
        Assert.True(SpinWait.SpinUntil(() => id.Epoch != before, TimeSpan.FromSeconds(60))); // it has begun
        Assert.False(id.TryEnter(before));
        Assert.False(changed.IsSet);
        id.Leave();
        Assert.True(changed.Wait(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
        change.Join();
    }

    [Fact]
    public void OnlyTheThreadThatReceivedACallKnowsItsEpoch()
    {
        StableId.NoteReceived(7, 3);
        Assert.True(StableId.TryGetEpoch(7, out long epoch));
        Assert.Equal(3, epoch);
        Assert.False(StableId.TryGetEpoch(8, out _));
        bool elsewhere = true;
        var other = new Thread(() => elsewhere = StableId.TryGetEpoch(7, out _));
        other.Start();
        other.Join();
        Assert.False(elsewhere);
    }
}
