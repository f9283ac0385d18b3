using Ioasis.Devices;
using Ioasis.Devices.Dsa;

namespace Ioasis.Tests.Devices.Dsa;

/// <summary>Commands: what they demand, what they wait for, and what is left after them.</summary>
public sealed class DsaCommandTests : IDisposable
{
    private readonly DsaBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void TheDeviceDemandsGroupsThatMakeSense()
    {
        _bench.ConfigureQueue(0, size: 100);
        _bench.ConfigureQueue(1, size: 29);
        Assert.Equal((uint)DsaCommandError.WqSizeErange, _bench.Do(DsaCommand.EnableDevice));
        _bench.ConfigureQueue(1, size: 28);
        _bench.ConfigureGroup(0x100);
        Assert.Equal((uint)DsaCommandError.Config, _bench.Do(DsaCommand.EnableDevice));
        _bench.ConfigureGroup(engines: 0);
        Assert.Equal((uint)DsaCommandError.GrpConfig3, _bench.Do(DsaCommand.EnableDevice));
        _bench.ConfigureGroup(3, 3);
        _bench.Slots.Slot.Write(0, 0x440, 8, 2); // queue 1 in group 1, too
        Assert.Equal((uint)DsaCommandError.GrpConfig, _bench.Do(DsaCommand.EnableDevice));
        _bench.Slots.Slot.Write(0, 0x440, 8, 4);
        _bench.Slots.Slot.Write(0, 0x460, 8, 2); // engine 1 in group 1, too
        Assert.Equal((uint)DsaCommandError.GrpConfig2, _bench.Do(DsaCommand.EnableDevice));
        _bench.Slots.Slot.Write(0, 0x460, 8, 4);
        Assert.Equal((uint)DsaCommandError.DevNoten, _bench.Do(DsaCommand.EnableWq));
        Assert.Equal((uint)DsaCommandError.DisDevEn, _bench.Do(DsaCommand.DisableDevice));
        Assert.Equal(0u, _bench.State);
        Assert.Equal(0u, _bench.Do(DsaCommand.EnableDevice));
        Assert.Equal(1u, _bench.State);
        Assert.Equal((uint)DsaCommandError.DevEnabled, _bench.Do(DsaCommand.EnableDevice));
        Assert.Equal((uint)DsaCommandError.InvalCmd, _bench.Do(DsaCommand.RequestIntHandle));
        Assert.Equal((uint)DsaCommandError.InvalCmd, _bench.Do((DsaCommand)31));
        Assert.Equal((uint)DsaCommandError.InvalCmd, _bench.Do(0));
    }

    [Theory]
    [InlineData(0u, 0x11u, 0u, 21u, DsaCommandError.WqSize)]
    [InlineData(8u, 0x01u, 0u, 21u, DsaCommandError.WqPrior)]
    [InlineData(8u, 0x10u, 0u, 21u, DsaCommandError.WqMode)]
    [InlineData(8u, 0x10u, 9u, 21u, DsaCommandError.WqMode)]
    [InlineData(8u, 0x17u, 0u, 21u, DsaCommandError.BofEn)] // without ATS
    [InlineData(8u, 0x1bu, 0u, 21u, DsaCommandError.BofEn)] // without PRS
    [InlineData(8u, 0x13u, 0u, 21u, DsaCommandError.Success)]
    [InlineData(8u, 0x11u, 0u, 21u | (11 << 5), DsaCommandError.MaxBatchSize)]
    [InlineData(8u, 0x10u, 8u, 21u, DsaCommandError.Success)]
    internal void AQueueDemandsAConfigurationThatMakesSense(
        uint size, uint mode, uint threshold, uint limits, DsaCommandError error)
    {
        using var bench = new DsaBench();
        bench.ConfigureGroup();
        bench.ConfigureQueue(0, size, mode, threshold, limits);
        Assert.Equal(0u, bench.Do(DsaCommand.EnableDevice));
        Assert.Equal((uint)DsaCommandError.InvalWqidx, bench.Do(DsaCommand.EnableWq, 8));
        Assert.Equal((uint)DsaCommandError.Config, bench.Do(DsaCommand.EnableWq, 1)); // in no group
        Assert.Equal((uint)DsaCommandError.WqNotEn, bench.Do(DsaCommand.DrainWq, 1));
        Assert.Equal((uint)error, bench.Do(DsaCommand.EnableWq));
        Assert.Equal(error == DsaCommandError.Success ? 1u << 30 : 0, (uint)bench.Slots.Slot.Read(0, 0x518, 4));
        if (error == DsaCommandError.Success)
            Assert.Equal((uint)DsaCommandError.WqEnabled, bench.Do(DsaCommand.EnableWq));
    }

    [Fact]
    public void AnInterruptTellsOfACommandThatAskedForIt()
    {
        _bench.Start(DsaCommand.ResetDevice, interrupt: true);
        SlotBench.Until(() => _bench.Slots.Messages == 1);
        Assert.Equal((0, 2u), (_bench.Slots.LastVector, (uint)_bench.Slots.Slot.Read(0, 0x98, 4)));
        Assert.False(_bench.IsActive);
    }

    [Fact]
    public void HandlesAreVectorsThatWereRequested()
    {
        using var bench = new DsaBench(new DsaOptions { InterruptHandles = true });
        bench.Started();
        DsaDescriptor noop = bench.New(DsaOpcode.Noop, flags: DsaFlags.RequestInterrupt) with { IntHandle = 2 };
        Assert.Equal((byte)DsaStatus.IntHandleInval, bench.Run(noop).Status);
        Assert.Equal((uint)DsaCommandError.InvalIntIdx, bench.Do(DsaCommand.RequestIntHandle, 9));
        Assert.Equal(2u << 8, bench.Do(DsaCommand.RequestIntHandle, 2));
        bench.New(DsaOpcode.Noop);
        Assert.Equal((byte)DsaStatus.Success, bench.Run(noop).Status);
        Assert.Equal(0u, bench.Do(DsaCommand.ReleaseIntHandle, 2));
        Assert.Equal((uint)DsaCommandError.InvalIntIdx, bench.Do(DsaCommand.ReleaseIntHandle, 2));
    }

    [Fact]
    public void ASubmissionToAQueueThatIsNotEnabledOrFullIsASoftwareError()
    {
        _bench.Submit(_bench.New(DsaOpcode.Noop));
        Assert.Equal((ulong)DsaStatus.QueueNotEnabled, (_bench.SoftwareError >> 8) & 0xff);
        _bench.Slots.Slot.Write(0, 0xc0, 8, 3);
        using Hold hold = new(_bench.Started(0x13, size: 2, engines: 1));
        for (int i = 1; i <= 2; i++) _bench.Submit(_bench.New(DsaOpcode.Noop, i));
        Assert.Equal(2u, (uint)_bench.Slots.Slot.Read(0, 0x518, 4) & 0xffff);
        Assert.Equal(0u, _bench.SoftwareError & 1);
        _bench.Submit(_bench.New(DsaOpcode.Noop, 3));
        Assert.Equal((ulong)DsaStatus.QueueFull, (_bench.SoftwareError >> 8) & 0xff);
        hold.Release();
        Assert.Equal((byte)DsaStatus.Success, _bench.Wait(2).Status);
        Assert.False(_bench.IsDone(3));
    }

    [Fact]
    public void ALimitedPortalLeavesTheLastPlacesOfASharedQueue()
    {
        _bench.ConfigureGroup(engines: 1);
        _bench.ConfigureQueue(0, size: 3, mode: 0x12, threshold: 1);
        _bench.Do(DsaCommand.EnableDevice);
        _bench.Do(DsaCommand.EnableWq);
        using Hold hold = new(_bench);
        foreach ((int record, bool limited) in ((int, bool)[])[(1, true), (2, true), (3, false), (4, false),
            (5, false)])
            _bench.Submit(_bench.New(DsaOpcode.Noop, record), limited: limited);
        Assert.Equal(3u, (uint)_bench.Slots.Slot.Read(0, 0x518, 4) & 0xffff);
        hold.Release();
        foreach (int record in (int[])[1, 3, 4]) _bench.Wait(record);
        // to be retried
        Assert.Equal((false, false, 0ul), (_bench.IsDone(2), _bench.IsDone(5), _bench.SoftwareError & 1));
    }

    [Theory]
    [InlineData(DsaCommand.DrainAll, 0u, true)]
    [InlineData(DsaCommand.DrainWq, 1u, true)]
    [InlineData(DsaCommand.DisableWq, 1u, true)]
    [InlineData(DsaCommand.DisableDevice, 0u, true)]
    [InlineData(DsaCommand.AbortAll, 0u, false)]
    [InlineData(DsaCommand.AbortWq, 1u, false)]
    [InlineData(DsaCommand.ResetWq, 1u, false)]
    [InlineData(DsaCommand.ResetDevice, 0u, false)]
    internal void ADrainWaitsForAllAndAnAbortForNone(DsaCommand command, uint operand, bool drains)
    {
        using Hold hold = new(_bench.Started(0x13, engines: 1));
        for (int i = 1; i <= 5; i++) _bench.Submit(_bench.New(DsaOpcode.Noop, i));
        _bench.Start(command, operand);
        if (drains)
        {
            Assert.True(_bench.IsActive);
            _bench.Start(DsaCommand.AbortAll); // not now
            Assert.Equal((ulong)DsaStatus.CommandWhileActive, (_bench.SoftwareError >> 8) & 0xff);
            hold.Release();
        }

        Assert.Equal(0u, _bench.End());
        Assert.All(Enumerable.Range(1, 5), i => Assert.Equal(drains, _bench.IsDone(i)));
        bool stays = command is DsaCommand.DrainAll or DsaCommand.DrainWq or DsaCommand.AbortAll or DsaCommand.AbortWq;
        Assert.Equal(stays ? 1u << 30 : 0, (uint)_bench.Slots.Slot.Read(0, 0x518, 4));
        Assert.Equal(command is DsaCommand.ResetWq or DsaCommand.ResetDevice ? 0 : 16u,
            (uint)_bench.Slots.Slot.Read(0, 0x500, 4));
    }

    [Fact]
    public void ADrainDescriptorComesAfterThoseBeforeItAndBeforeThoseBehindIt()
    {
        using Hold hold = new(_bench.Started(0x13));
        _bench.Submit(_bench.New(DsaOpcode.Drain, 1));
        _bench.Submit(_bench.New(DsaOpcode.Noop, 2));
        Assert.Equal(2u, (uint)_bench.Slots.Slot.Read(0, 0x518, 4) & 0xffff); // three engines are idle, and yet
        hold.Release();
        Assert.Equal((byte)DsaStatus.Success, _bench.Wait(2).Status);
        Assert.True(_bench.IsDone(1));
    }

    [Fact]
    public async Task ResetUnderLoadLeavesNothingBehind()
    {
        _bench.Started(size: 64);
        using var stop = new CancellationTokenSource();
        Task[] load = [.. Enumerable.Range(0, 2).Select(t => Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
                _bench.Submit(_bench.New(DsaOpcode.Memmove, t) with { SrcAddr = DsaBench.Base,
                        DstAddr = DsaBench.Base + 0x20000, XferSize = 0x10000 });
        }))];
        for (int round = 0; round < 40; round++)
        {
            if (round % 2 == 0) _bench.Slots.Slot.Reset();
            else Assert.Equal(0u, _bench.Do(DsaCommand.ResetDevice));
            Assert.Equal(0u, _bench.State);
            _bench.Memory.CopyFrom(0x20000, new byte[0x10000]);
            _bench.Memory.Write(0, ulong.MaxValue);
            Assert.Equal(0ul, _bench.Memory.Read<ulong>(0x20000)); // nobody moves any more
            _bench.Started(size: 64);
            SlotBench.Until(() => _bench.Memory.Read<ulong>(0x20000) == ulong.MaxValue); // and now they do again
            _bench.Memory.Write(0, 0ul);
        }

        stop.Cancel();
        await Task.WhenAll(load);
    }
}
