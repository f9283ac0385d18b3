using Ioasis.Host.Devices;

namespace Ioasis.Tests.Host;

/// <summary>Who waits for a close that does not end, and who does not.</summary>
public sealed class CloserTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);
    private readonly Closer _closer = new();

    public void Dispose() => _closer.Dispose();

    [Fact]
    public void AProgramThatHadTheFileWaitsAndOthersGoOn()
    {
        using var file = new HeldFile(opener: 1);
        _closer.Add(file);
        Assert.True(file.Began.Wait(s_patience, TestContext.Current.CancellationToken));
        _closer.Await(2);
        using var waits = new Waiting(() => _closer.Await(1));
        Assert.True(waits.IsInWait());
        _closer.Await(2);
        Assert.False(waits.HasEnded);
        file.MayEnd.Set();
        waits.MustEnd();
        Assert.True(_closer.TryAwaitAll(s_patience));
        Assert.True(_closer.IsIdle);
    }

    [Fact]
    public void WhatExcludesAnOpenIsWaitedForByWhoeverOpens()
    {
        using var file = new HeldFile(opener: 1);
        _closer.Add(file);
        _closer.AwaitExclusion(new object());
        using var waits = new Waiting(() => _closer.AwaitExclusion(file.Exclusion));
        Assert.True(waits.IsInWait());
        file.MayEnd.Set();
        waits.MustEnd();
    }

    [Fact]
    public void FilesOfOneProgramAreClosedInOrderAndThoseOfOthersBesideThem()
    {
        HeldFile[] files = [new(opener: 1), new(opener: 1), new(opener: 2)];
        foreach (HeldFile file in files) _closer.Add(file);
        Assert.True(files[0].Began.Wait(s_patience, TestContext.Current.CancellationToken));
        Assert.True(files[2].Began.Wait(s_patience, TestContext.Current.CancellationToken));
        files[2].MayEnd.Set();
        _closer.Await(2);
        Assert.False(files[1].Began.IsSet);
        files[0].MayEnd.Set();
        Assert.True(files[1].Began.Wait(s_patience, TestContext.Current.CancellationToken));
        files[1].MayEnd.Set();
        Assert.True(_closer.TryAwaitAll(s_patience));
        foreach (HeldFile file in files) file.Dispose();
    }

    [Fact]
    public void AsManyAsThereAreThreadsHoldUpOnlyTheirOwn()
    {
        HeldFile[] held = [.. Enumerable.Range(1, 40).Select(program => new HeldFile(program))];
        foreach (HeldFile file in held) _closer.Add(file);
        foreach (HeldFile file in held) Assert.True(file.Began.Wait(s_patience, TestContext.Current.CancellationToken));
        using var quick = new HeldFile(opener: 100);
        quick.MayEnd.Set();
        _closer.Add(quick);
        _closer.Await(100);
        Assert.True(quick.Began.IsSet);
        foreach (HeldFile file in held) file.MayEnd.Set();
        Assert.True(_closer.TryAwaitAll(s_patience));
        foreach (HeldFile file in held) file.Dispose();
    }

    [Fact]
    public void ACloseThatThrowsIsOverAllTheSame()
    {
        using var file = new HeldFile(opener: 1) { Throws = true };
        file.MayEnd.Set();
        _closer.Add(file);
        _closer.Await(1);
        Assert.True(_closer.TryAwaitAll(s_patience));
    }

    /// <summary>A file whose close begins and ends when the test says so.</summary>
    private sealed class HeldFile(int opener) : IClosable, IDisposable
    {
        public ManualResetEventSlim Began { get; } = new();

        public ManualResetEventSlim MayEnd { get; } = new();

        public bool Throws { get; init; }

        public string Name => $"file of {opener}";

        public int Opener => opener;

        public object Exclusion => this;

        public bool HasUser(int process) => process == opener;

        public void Release()
        {
            Began.Set();
            Assert.True(MayEnd.Wait(s_patience, TestContext.Current.CancellationToken));
            if (Throws) throw new InvalidOperationException("on purpose");
        }

        public void Dispose()
        {
            Began.Dispose();
            MayEnd.Dispose();
        }
    }

    /// <summary>A thread that is to wait.</summary>
    private sealed class Waiting : IDisposable
    {
        private readonly Thread _thread;

        public Waiting(Action action)
        {
            _thread = new Thread(() => action());
            _thread.Start();
        }

        public bool HasEnded => !_thread.IsAlive;

        public bool IsInWait() =>
            SpinWait.SpinUntil(() => (_thread.ThreadState & ThreadState.WaitSleepJoin) != 0, s_patience);

        public void MustEnd() => Assert.True(_thread.Join(s_patience));

        public void Dispose() => MustEnd();
    }
}
