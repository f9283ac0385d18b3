using Ioasis.Memory.Threads;

namespace Ioasis.Tests.Memory;

/// <summary>What is told of locks that are taken against their order.</summary>
public sealed class LockOrderTests
{
    private readonly HeldLocks _held = new();
    private readonly object _first = new(), _second = new();

    [Fact]
    public void TheOrderIsCheckedInTheseTests() => Assert.True(LockOrder.IsChecked);

    [Fact]
    public void DownTheOrderIsRight()
    {
        Assert.Null(_held.TryAdd(_first, LockRank.VfioGroup));
        Assert.Null(_held.TryAdd(_second, LockRank.VfioBinding));
        _held.RemoveLast();
        Assert.Null(_held.TryAdd(_second, LockRank.FaultLog));
    }

    [Fact]
    public void UpTheOrderIsToldWithBothNames()
    {
        Assert.Null(_held.TryAdd(_first, LockRank.VfioBinding));
        string? violation = _held.TryAdd(_second, LockRank.VfioGroup);
        Assert.Contains("VfioGroup", violation, StringComparison.Ordinal);
        Assert.Contains("VfioBinding", violation, StringComparison.Ordinal);
        _held.RemoveLast();
        Assert.Null(_held.TryAdd(_second, LockRank.VfioGroup));
    }

    [Fact]
    public void AnOuterLockCountsUnderOthers()
    {
        Assert.Null(_held.TryAdd(_first, LockRank.VfioAccess));
        _held.Add(_second, LockRank.VfioGroup); // by a try, which waits for nobody
        Assert.NotNull(_held.TryAdd(new object(), LockRank.VfioBinding));
    }

    [Fact]
    public void UnderAnInnermostLockNoneIsTaken()
    {
        Assert.Null(_held.TryAdd(_first, LockRank.FaultLog));
        string? violation = _held.TryAdd(_second, LockRank.DescriptorTable);
        Assert.Contains("FaultLog", violation, StringComparison.Ordinal);
        Assert.Contains("DescriptorTable", violation, StringComparison.Ordinal);
    }

    [Fact]
    public void TwoOfARankAreToldUnlessTheyAreMeantToBeTwo()
    {
        Assert.Null(_held.TryAddToMany(_first, LockRank.IoPageTable));
        Assert.Null(_held.TryAddToMany(_second, LockRank.IoPageTable));
        Assert.NotNull(_held.TryAdd(new object(), LockRank.IoPageTable));
    }

    [Fact]
    public void ALockThatIsHeldIsTakenAgainInAnyOrder()
    {
        Assert.Null(_held.TryAdd(_first, LockRank.VfioGroup));
        Assert.Null(_held.TryAdd(_second, LockRank.FaultLog));
        Assert.Null(_held.TryAdd(_first, LockRank.VfioGroup));
    }

    [Fact]
    public void LocksAndMonitorsLeaveNothingBehind()
    {
        var outer = new RankedMonitor(LockRank.VfioGroup);
        var inner = new RankedLock(LockRank.VfioBinding);
        using (outer.Enter())
        {
            using (inner.Enter()) Assert.Equal(2, LockOrder.Held.Count);
            Assert.True(inner.TryEnter());
            inner.Exit();
            using (outer.Leave()) Assert.Equal(0, LockOrder.Held.Count);
            Assert.Equal(1, LockOrder.Held.Count);
        }

        Assert.Equal(0, LockOrder.Held.Count);
    }
}
