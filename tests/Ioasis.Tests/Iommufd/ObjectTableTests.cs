using Ioasis.Abi;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Tests.Iommufd;

/// <summary>Looking objects up, which takes no lock, while they come and go.</summary>
public sealed class ObjectTableTests
{
    private readonly ObjectTable _table = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhatACallHoldsIsNotDestroyedMeanwhile(bool hasDriver)
    {
        const uint number = 1;
        const int enough = 200_000;
        int held = 0, gone = 0;
        var caller = new Thread(() =>
        {
            while (Volatile.Read(ref held) < enough)
            {
                if (_table.TryGet(number, out ObjectTable.Held<Watched> watched) != Errno.None) continue;
                using (watched)
                {
                    for (int i = 0; i < 20; i++)
                        if (watched.Value.IsDestroyed) gone++;
                }

                Volatile.Write(ref held, held + 1);
            }
        });
        caller.Start();
        while (Volatile.Read(ref held) < enough)
        {
            var watched = new Watched();
            using (ObjectTable.Pending<Watched> pending = _table.Reserve(watched)) pending.Commit();
            Assert.Equal(number, watched.Id);
            if (hasDriver)
            {
                _table.AddUser(watched);
                Assert.Equal(Errno.EBUSY, _table.Remove(number));
                _table.RemoveWhenUnused(watched);
            }
            else
            {
                Errno errno = Errno.EBUSY;
                Until.True(() => (errno = _table.Remove(number)) != Errno.EBUSY);
                Assert.Equal(Errno.None, errno);
            }

            Assert.Equal(1, watched.Destroyed);
        }

        Assert.True(caller.Join(Until.Patience));
        Assert.Equal(0, gone);
        Assert.True(_table.IsEmpty);
    }

    [Fact]
    public void MoreObjectsThanTheTableBeganWithAreFoundByTheirNumbers()
    {
        Watched[] all = [.. Enumerable.Range(0, 100).Select(_ => new Watched())];
        foreach (Watched watched in all)
            using (ObjectTable.Pending<Watched> pending = _table.Reserve(watched)) pending.Commit();
        foreach (Watched watched in all)
        {
            Assert.Equal(Errno.None, _table.TryGet(watched.Id, out ObjectTable.Held<Watched> held));
            using (held) Assert.Same(watched, held.Value);
            Assert.Equal(Errno.ENOENT, _table.TryGet(watched.Id, out ObjectTable.Held<IommufdIoas> _));
        }

        Assert.Equal(Errno.ENOENT, _table.TryGet(0, out ObjectTable.Held<Watched> _));
        Assert.Equal(Errno.ENOENT, _table.TryGet(uint.MaxValue, out ObjectTable.Held<Watched> _));
        _table.Clear();
        Assert.All(all, watched => Assert.Equal(1, watched.Destroyed));
    }

    [Fact]
    public void AUserMoreOrLessThanThereCanBeIsAFaultOfOurs()
    {
        var watched = new Watched();
        using (ObjectTable.Pending<Watched> pending = _table.Reserve(watched)) pending.Commit();
        Assert.Throws<InvalidOperationException>(() => _table.RemoveUser(watched));
        _table.AddUser(watched);
        Assert.Equal(Errno.EBUSY, _table.Remove(watched.Id));
        _table.RemoveUser(watched);
        Assert.Equal(Errno.None, _table.Remove(watched.Id));
        Assert.Throws<InvalidOperationException>(() => _table.AddUser(watched));
        Assert.False(_table.TryHold(watched, out _));
    }

    private sealed class Watched : IommufdObject
    {
        private int _destroyed;

        internal int Destroyed => Volatile.Read(ref _destroyed);

        internal bool IsDestroyed => Destroyed != 0;

        internal override void Destroy() => Interlocked.Increment(ref _destroyed);
    }
}
