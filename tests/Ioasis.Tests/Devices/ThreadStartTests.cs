using Ioasis.Memory;
using Ioasis.Memory.Threads;
using static Ioasis.Tests.Devices.ThrowingModel;

namespace Ioasis.Tests.Devices;

/// <summary>
/// Each thread of a device fails to start, in turn; when the host has threads again, all is as if it always had.
/// </summary>
public sealed class ThreadStartTests : IDisposable
{
    private readonly ThrowingModel _model = new();
    private readonly SlotBench _bench;
    private Func<string, bool> _refuses = _ => true;

    public ThreadStartTests()
    {
        HostThread.Refusal = name => _refuses(name);
        _bench = new SlotBench(_model);
    }

    public void Dispose()
    {
        _bench.Dispose();
        HostThread.Refusal = null;
    }

    [Fact]
    public void WhatCannotBeLookedAtIsNotMappedAndTheNextTimeItIs()
    {
        using var bytes = new HostBlock(4096);
        Assert.False(_bench.Slot.TryWatch());
        Assert.False(_bench.Poller.IsRunning);
        _refuses = _ => false;
        HostBlock bar = _bench.MapBar(0);
        bar.Write(Bell.Offset, 1u);
        AssertDone(1);
        Assert.Equal(0u, bytes.Read<uint>(Plain.Offset)); // what was refused was not touched
    }

    [Fact]
    public void ACommandWaitsForAThreadAndTheNextAccessTriesAgain()
    {
        _bench.Slot.Write(0, Bell.Offset, 4, 1);
        Assert.Equal(0x1234u, _bench.Slot.Read(0, Plain.Offset, 4));
        Assert.Equal(0, _model.Done[(int)Place.Engine]);
        _refuses = _ => false;
        _bench.Slot.Read(0, Plain.Offset, 4);
        AssertDone(1);
        _bench.Slot.Write(0, Bell.Offset, 4, 2);
        AssertDone(2);
        Assert.False(_bench.Slot.HasFailed);
    }

    [Fact]
    public void ACommandWaitsForAThreadAndThePollerTriesAgain()
    {
        _refuses = name => name != "BAR poller";
        HostBlock bar = _bench.MapBar(0);
        bar.Write(Bell.Offset, 1u);
        SlotBench.Until(() => Volatile.Read(ref _model.Done[(int)Place.Ring]) == 1);
        Assert.Equal(0, _model.Done[(int)Place.Engine]);
        _refuses = _ => false;
        AssertDone(1);
    }

    [Fact]
    public void ADriverThatOnlyWaitsHasItsCommandDone()
    {
        int refused = 0;
        _refuses = name => name == "throwing engine" && Interlocked.Increment(ref refused) < 5;
        _bench.Slot.Write(0, Bell.Offset, 4, 1); // not mapped, and no access after it
        AssertDone(1);
        Assert.Equal(5, refused);
    }

    [Fact]
    public void AResetDropsACommandThatWaits()
    {
        _bench.Slot.Write(0, Bell.Offset, 4, 1);
        _bench.Slot.Reset();
        _refuses = _ => false;
        _bench.Slot.Read(0, Plain.Offset, 4);
        _bench.Slot.Write(0, Bell.Offset, 4, 2);
        AssertDone(1);
        _bench.Slot.Reset(); // no command is under way after it
        Assert.Equal(1, _model.Done[(int)Place.Engine]);
    }

    [Fact]
    public void AStartThatFailsLeavesNothingAndABodyThatThrowsEndsItsThreadAlone()
    {
        Assert.Null(HostThread.TryStart("test", () => { }));
        Assert.Throws<IOException>(() => HostThread.Start("test", () => { }));
        _refuses = _ => false;
        Exception? came = null;
        Thread thread = HostThread.Start("test", () => throw new InvalidOperationException("it throws"), e => came = e);
        thread.Join();
        Assert.IsType<InvalidOperationException>(came);

        string? told = null;
        HostMessages.Listener = line => told = line;
        HostThread.Start("test", () => throw new InvalidOperationException("it throws")).Join();
        HostMessages.Listener = null;
        Assert.Contains("it throws", told, StringComparison.Ordinal);
    }

    private void AssertDone(int count) =>
        SlotBench.Until(() => Volatile.Read(ref _model.Done[(int)Place.Engine]) == count);
}
