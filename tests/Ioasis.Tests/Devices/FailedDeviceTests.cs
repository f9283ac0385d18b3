using System.Collections.Concurrent;
using Ioasis.Memory;
using Ioasis.Memory.Threads;
using static Ioasis.Tests.Devices.ThrowingModel;

namespace Ioasis.Tests.Devices;

/// <summary>A model that throws, wherever it does, fails its own device and nothing else.</summary>
public sealed class FailedDeviceTests : IDisposable
{
    private const ulong Iova0 = 0x10000;

    private readonly ConcurrentQueue<string> _told = new();
    private readonly ThrowingModel _model = new(), _otherModel = new();
    private readonly SlotBench _bench, _other;

    public FailedDeviceTests()
    {
        HostMessages.Listener = _told.Enqueue;
        _bench = new SlotBench(_model);
        _other = new SlotBench(_otherModel, poller: _bench.Poller);
        _bench.Map(Iova0, 0x1000, 1);
    }

    public void Dispose()
    {
        _model.Throws = _otherModel.Throws = Place.None;
        _other.Dispose();
        _bench.Dispose();
        HostMessages.Listener = null;
    }

    [Fact]
    public void OneThatThrowsInACallReadsAsOnesAndDoesNoDma()
    {
        HostBlock bar = _bench.MapBar(0);
        Assert.True(_model.Port.Read(new Iova(Iova0), new byte[8]).IsOk);
        _model.Throws = Place.Ring;
        _bench.Slot.Write(0, Bell.Offset, 4, 5); // the call itself succeeds: hardware takes a write and dies of it
        AssertFailed("Ring throws");
        Assert.Equal(uint.MaxValue, bar.Read<uint>(Plain.Offset)); // by a mapping as well
        Assert.False(_model.Port.Read(new Iova(Iova0), new byte[8]).IsOk);

        // nothing reaches it any more, and nothing that it says is heard
        _model.Throws = Place.None;
        _bench.Slot.Write(0, Bell.Offset, 4, 6);
        _bench.Slot.Submit(2, 0, new byte[64]);
        bar.Write(Bell.Offset, 7u);
        _bench.Slot.Look();
        Assert.Equal(0, _model.Done[(int)Place.Ring] + _model.Done[(int)Place.Submit]);
        _model.Slot.Publish(0, Plain, 3);
        _model.Slot.WriteBar(0, 0x100, new byte[4]);
        Assert.Equal(uint.MaxValue, bar.Read<uint>(Plain.Offset));
        Assert.Equal(uint.MaxValue, _bench.Slot.Read(0, 0x100, 4));
        Assert.True(_model.Slot.RaiseMessage(0)); // lost
        Assert.Equal(0, _bench.Messages);
        _model.Slot.SetInterruptLine(true);
        Assert.False(_bench.Slot.LineAsserted);
    }

    [Theory]
    [InlineData(nameof(Place.Ring))]
    [InlineData(nameof(Place.Submit))]
    public void OneThatThrowsWhenItsMappedBarIsLookedAtLeavesTheOthersSeen(string where)
    {
        HostBlock bar = _bench.MapBar(0), portal = _bench.MapBar(2), otherBar = _other.MapBar(0);
        _model.Throws = Enum.Parse<Place>(where);
        if (where == nameof(Place.Ring)) bar.Write(Bell.Offset, 5u);
        else portal.Write(0x40, 1UL);
        SlotBench.Until(() => _bench.Slot.HasFailed);
        SlotBench.Until(() => _bench.Failures == 1);
        AssertFailed($"{where} throws");

        for (uint i = 1; i <= 3; i++)
        {
            otherBar.Write(Bell.Offset, i);
            uint rung = i;
            SlotBench.Until(() => Volatile.Read(ref _otherModel.Done[(int)Place.Engine]) == rung);
        }

        Assert.False(_other.Slot.HasFailed);
    }

    [Fact]
    public void OneWhoseEngineThrowsFailsAndItsEngineGoesOnAfterAReset()
    {
        _model.Throws = Place.Engine;
        _bench.Slot.Write(0, Bell.Offset, 4, 1);
        SlotBench.Until(() => _bench.Failures == 1);
        AssertFailed("engine \"throwing engine\"");
        _model.Throws = Place.None;
        Recover();
        _bench.Slot.Write(0, Bell.Offset, 4, 1);
        SlotBench.Until(() => Volatile.Read(ref _model.Done[(int)Place.Engine]) == 1);
    }

    [Fact]
    public void OneThatThrowsWhenItIsAnsweredFailsAndNotWhoAnswers()
    {
        _model.Throws = Place.Answer;
        Assert.True(_model.Ask(new Iova(0x90000))); // nobody handles page requests there: it is answered at once
        AssertFailed("Answer throws");
    }

    [Fact]
    public void OneThatThrowsInResetStaysFailedUntilAResetThatItGetsThrough()
    {
        _model.Throws = Place.Reset;
        _bench.Slot.Reset();
        AssertFailed("Reset throws");
        _bench.Slot.TakeBarsBack();
        Assert.True(_bench.Slot.HasFailed);
        Assert.Equal(uint.MaxValue, _bench.Slot.Read(0, Plain.Offset, 4));
        _model.Throws = Place.None;
        Recover();
        _model.Throws = Place.Reset;
        _bench.Slot.Reset();
        Assert.True(_bench.Slot.HasFailed);
        Assert.Single(_told); // a device is told of once
        Assert.Equal(2, _bench.Failures);
    }

    [Fact]
    public void OneThatThrowsWhenItIsUnpluggedIsGoneAllTheSame()
    {
        _model.Throws = Place.Unplug;
        _bench.Slot.Dispose();
        AssertFailed("Unplug throws");
        _bench.Slot.Dispose();
        _bench.Slot.TryPoll();
        Assert.Single(_told);
    }

    private void Recover()
    {
        _bench.Slot.Reset();
        Assert.False(_bench.Slot.HasFailed);
        Assert.Equal(0x1234u, _bench.Slot.Read(0, Plain.Offset, 4));
        _bench.Endpoint.Block = null; // the command register's part
        Assert.True(_model.Port.Read(new Iova(Iova0), new byte[8]).IsOk);
    }

    private void AssertFailed(string why)
    {
        Assert.True(_bench.Slot.HasFailed);
        Assert.False(_bench.Endpoint.CanSend);
        Assert.Equal(1, _bench.Failures);
        if (!why.StartsWith("Unplug", StringComparison.Ordinal))
            Assert.Equal(uint.MaxValue, _bench.Slot.Read(0, Plain.Offset, 4));
        Assert.Contains(why, Assert.Single(_told), StringComparison.Ordinal);
        Assert.Contains(nameof(ThrowingModel), _told.First(), StringComparison.Ordinal);
    }
}
