using Ioasis.Core.Domains;
using Ioasis.Devices.Virtio;
using Ioasis.Memory.Threads;
using static Ioasis.Devices.Virtio.VirtioFeatures;

namespace Ioasis.Tests.Devices.Virtio;

/// <summary>What a transport does with a device.</summary>
public sealed class VirtioSlotTests
{
    private const ulong Data = VirtioBench.Data;
    private static readonly Part[] s_request = [new(Data, 8, false), new(Data + 0x100, 8, true)];

    public static TheoryData<ulong> Formats => [Version1, Version1 | PackedRing];

    [Fact]
    public void FeaturesThatAreNotOfferedAreLeftOutAndSettledOnesStay()
    {
        var model = new EchoModel();
        using var bench = new VirtioBench(model);
        Assert.True(bench.Slot.SetDriverFeatures(ulong.MaxValue));
        Assert.Equal(Rings | EchoModel.ManyAtOnce, bench.Slot.DriverFeatures);
        Assert.True(bench.Slot.SetDriverFeatures(Version1));
        bench.Slot.SetStatus(VirtioStatus.FeaturesOk);
        Assert.False(bench.Slot.SetDriverFeatures(Version1 | PackedRing));
        bench.Slot.SetStatus(VirtioStatus.FeaturesOk | VirtioStatus.DriverOk);
        Assert.Equal((1, Version1), (model.Starts, model.Features));
        bench.Slot.SetStatus(0);
        Assert.Equal((0UL, VirtioStatus.None, 1), (bench.Slot.DriverFeatures, bench.Slot.Status, model.Resets));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void AQueueMayBeEnabledBeforeItsRingIsSet(ulong features)
    {
        using var bench = new VirtioBench(new EchoModel());
        bench.Slot.SetEnabled(0, true);
        bench.Slot.SetDriverFeatures(features);
        DriverRing ring = bench.NewRing(features, 0, 8);
        bench.Slot.SetSize(0, 8);
        bench.Slot.SetAddresses(0, ring.Descriptors, ring.Driver, ring.Device);
        bench.Slot.SetBase(0, ring.FirstBase);
        ring.Add(s_request);
        bench.Slot.SetStatus(VirtioStatus.FeaturesOk);
        bench.Slot.SetStatus(VirtioStatus.FeaturesOk | VirtioStatus.DriverOk);
        ring.Await(); // what is there at the start needs no kick
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void ADisabledQueueTakesNothingAndKeepsItsPlace(ulong features)
    {
        using var bench = new VirtioBench(new EchoModel());
        DriverRing[] rings = bench.Start(features, size: 8);
        for (int i = 0; i < 3; i++) Do(bench, rings[0]);
        bench.Slot.SetEnabled(0, false);
        uint expected = (features & PackedRing) != 0 ? 0x80068006 : 3u; // two descriptors each
        Assert.Equal(expected, bench.Slot.GetBase(0));
        rings[0].Add(s_request);
        bench.Slot.Kick(0);
        Do(bench, rings[1], 1); // its neighbour on the same thread goes on, and comes later
        Assert.Null(rings[0].Reap());
        Assert.Equal(expected, bench.Slot.GetBase(0));
        bench.Slot.SetEnabled(0, true);
        rings[0].Await();
        for (int i = 0; i < 9; i++) Do(bench, rings[0]);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void WhatWasTakenWhenTheQueueStopsIsTakenAgain(ulong features)
    {
        var model = new EchoModel();
        using var bench = new VirtioBench(model);
        DriverRing ring = bench.Start(features, size: 8)[0];
        Do(bench, ring);
        uint expected = (features & PackedRing) != 0 ? 0x80028002 : 1u;
        using var taken = new ManualResetEventSlim();
        model.Taken = stop =>
        {
            taken.Set();
            stop.WaitHandle.WaitOne();
        };
        ring.Add(s_request);
        bench.Slot.Kick(0);
        Assert.True(taken.Wait(Until.Patience, TestContext.Current.CancellationToken));
        bench.Slot.Suspend();
        model.Taken = null;
        Assert.Equal(expected, bench.Slot.GetBase(0));
        Assert.Null(ring.Reap());
        bench.Slot.Resume();
        ring.Await();
        Do(bench, ring);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void ASuspendedDeviceRemembersKicks(ulong features)
    {
        using var bench = new VirtioBench(new EchoModel());
        DriverRing[] rings = bench.Start(features, size: 8);
        bench.Slot.Suspend();
        bench.Slot.Suspend();
        Assert.True(bench.Slot.IsSuspended);
        rings[0].Add(s_request);
        bench.Slot.Kick(0);
        Assert.Equal(rings[0].FirstBase & 0xffff, bench.Slot.GetBase(0) & 0xffff);
        bench.Slot.Resume();
        rings[0].Await();
    }

    [Fact]
    public void AQueueGoesOnFromTheBaseThatItIsGiven()
    {
        using var bench = new VirtioBench(new EchoModel());
        bench.Start(Version1, enabled: 0);
        var ring = new SplitDriver(bench.Memory, VirtioBench.Base, VirtioBench.Base, 8, Version1, first: 65533);
        bench.Set(0, ring);
        for (int i = 0; i < 7; i++) Do(bench, ring);
        bench.Slot.SetEnabled(0, false);
        Assert.Equal(4u, bench.Slot.GetBase(0));
    }

    [Fact]
    public void EachGroupHasItsOwnPageTable()
    {
        using var bench = new VirtioBench(new EchoModel());
        DriverRing[] rings = bench.Start(Version1, size: 8);
        bench.Map(0, 0x7000_0000, 0x1000, MapAccess.ReadWrite); // not for group 1
        Part[] request = [new(0x7000_0000, 8, false), new(Data, 8, true)];
        rings[0].Add(request);
        rings[2].Add(request);
        bench.Slot.Kick(0);
        bench.Slot.Kick(2);
        Assert.Equal(8u, rings[0].Await().Written);
        Assert.Equal(0u, rings[2].Await().Written);
        Assert.Equal(1, bench.Faults);
    }

    [Fact]
    public void AResetForgetsTheQueues()
    {
        var model = new EchoModel();
        using var bench = new VirtioBench(model);
        DriverRing ring = bench.Start(Version1, size: 8)[0];
        Do(bench, ring);
        int before = bench.Slot.Generation;
        bench.Slot.SetStatus(0);
        Assert.Equal((0u, 256, false, 1), (bench.Slot.GetBase(0), bench.Slot.SizeOf(0), bench.Slot.IsEnabled(0),
            model.Resets));
        Assert.NotEqual(before, bench.Slot.Generation);
        ring.Add(s_request);
        bench.Slot.Kick(0);
        bench.Slot.SetStatus(VirtioStatus.DriverOk);
        Assert.Null(ring.Reap());
        bench.Slot.SetStatus(0);
        ring = bench.Start(Version1, size: 8)[0];
        Do(bench, ring);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(512)]
    public void AnImpossibleSizeBreaksTheDevice(int size)
    {
        using var bench = new VirtioBench(new EchoModel());
        bench.Slot.SetSize(0, size);
        bench.Slot.SetEnabled(0, true);
        bench.Slot.SetStatus(VirtioStatus.DriverOk);
        Assert.True(bench.Slot.HasFailed);
        bench.Slot.SetStatus(0);
        Assert.False(bench.Slot.HasFailed);
    }

    [Fact]
    public void ARingThatEndsBeyondTheLastAddressBreaksTheDevice()
    {
        using var bench = new VirtioBench(new EchoModel());
        bench.Slot.SetSize(0, 256);
        bench.Slot.SetAddresses(0, ulong.MaxValue - 4095, VirtioBench.Base, VirtioBench.Base);
        bench.Slot.SetEnabled(0, true);
        bench.Slot.SetStatus(VirtioStatus.DriverOk);
        Assert.True(bench.Slot.HasFailed);
    }

    [Fact]
    public void AModelThatThrowsNeedsAResetAndIsToldOnce()
    {
        List<string> told = [];
        HostMessages.Listener = told.Add;
        try
        {
            var model = new EchoModel { Throws = () => throw new InvalidOperationException("a fault of the model") };
            using var bench = new VirtioBench(model);
            bench.Start(Version1);
            Until.True(() => bench.Slot.HasFailed);
            Until.True(() => told.Count == 1);
            Assert.Contains("a fault of the model", told[0], StringComparison.Ordinal);
            Assert.True((bench.Slot.Status & VirtioStatus.NeedsReset) != 0);
            bench.Slot.ReadConfig(0, stackalloc byte[4]);
            model.Throws = null;
            bench.Slot.SetStatus(0);
            DriverRing ring = bench.Start(Version1)[0];
            Do(bench, ring);
            Assert.Single(told);
        }
        finally
        {
            HostMessages.Listener = null;
        }
    }

    [Fact]
    public void AChangeOfTheConfigurationIsToldOnlyToARunningDriver()
    {
        var model = new EchoModel();
        using var bench = new VirtioBench(model);
        int before = bench.Slot.Generation;
        model.Slot.ConfigChanged();
        Assert.Equal((before + 1, 0), (bench.Slot.Generation, bench.ConfigSignals));
        bench.Start(Version1);
        model.Slot.ConfigChanged();
        Assert.Equal(1, bench.ConfigSignals);
        Assert.True(bench.Slot.WriteConfig(4, [1, 2]));
        byte[] config = new byte[16];
        bench.Slot.ReadConfig(0, config);
        Assert.Equal([0, 0, 0, 0, 1, 2, 0, 0], config[..8]);
    }

    private static void Do(VirtioBench bench, DriverRing ring, int queue = 0)
    {
        int? token = ring.Add(s_request);
        bench.Slot.Kick(queue);
        Assert.Equal((token!.Value, 8u), ring.Await());
    }
}
