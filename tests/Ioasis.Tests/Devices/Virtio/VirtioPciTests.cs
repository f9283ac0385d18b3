using Ioasis.Abi;
using Ioasis.Devices.Virtio;
using Ioasis.Memory;
using Ioasis.Tests.Vfio;
using static Ioasis.Devices.Virtio.VirtioFeatures;

namespace Ioasis.Tests.Devices.Virtio;

/// <summary>A virtio device as a PCI function, driven as a driver does.</summary>
public sealed class VirtioPciTests
{
    private const ulong Base = VirtioBench.Base, Data = VirtioBench.Data;
    private const int Legacy = 0, Structures = 4, Notify = 2;
    private const uint Isr = 0x1000, Config = 0x2000;
    private static readonly Part[] s_request = [new(Data, 8, false), new(Data + 0x100, 8, true)];

    [Fact]
    public void TheCapabilitiesSayWhereTheStructuresAre()
    {
        using var bench = new VfioBench(new VirtioPciDevice(new VirtioNetDevice()));
        Assert.Equal(0x1af4u | (0x1041u << 16), bench.Config(0, 4));
        Assert.Equal(0x020000u, bench.Config(8, 4) >> 8);
        Assert.Equal(1u, bench.Config(8, 1));
        Dictionary<uint, (uint Bar, uint Offset, uint Length, int At)> found = [];
        for (int at = (int)bench.Config(PciRegs.PCI_CAPABILITY_LIST, 1); at != 0; at = (int)bench.Config(at + 1, 1))
        {
            if (bench.Config(at, 1) != PciRegs.PCI_CAP_ID_VNDR) continue;
            Assert.Equal(0, at % 4);
            uint kind = bench.Config(at + 3, 1);
            Assert.Equal(kind is 2 or 5 ? 20u : 16u, bench.Config(at + 2, 1));
            found.Add(kind, (bench.Config(at + 4, 1), bench.Config(at + 8, 4), bench.Config(at + 12, 4), at));
        }

        Assert.Equal([1u, 2u, 3u, 4u, 5u], found.Keys.Order());
        Assert.Equal((4u, 0u, 0x3cu), (found[1].Bar, found[1].Offset, found[1].Length));
        Assert.Equal((2u, 0u, 12u), (found[2].Bar, found[2].Offset, found[2].Length));
        Assert.Equal(4u, bench.Config(found[2].At + 16, 4));
        Assert.Equal((4u, Isr, 1u), (found[3].Bar, found[3].Offset, found[3].Length));
        Assert.Equal((4u, Config, 24u), (found[4].Bar, found[4].Offset, found[4].Length));
        Assert.Equal(4u, bench.Config(bench.Capability(PciRegs.PCI_CAP_ID_MSIX) + 2, 2) + 1);

        // the window: the same as the structures
        int window = found[5].At;
        bench.SetConfig(window + 4, 1, Structures);
        bench.SetConfig(window + 8, 4, 0x12); // num_queues
        bench.SetConfig(window + 12, 4, 2);
        Assert.Equal(3u, bench.Config(window + 16, 4));
        bench.SetConfig(window + 8, 4, 0x16); // queue_select
        bench.SetConfig(window + 16, 2, 2);
        Assert.Equal(2u, bench.Read(Structures, 0x16, 2));
        bench.SetConfig(window + 8, 4, 0x4000); // beyond the end: nothing happens
        bench.SetConfig(window + 16, 4, 0);
        bench.SetConfig(window + 12, 4, 3);
        bench.SetConfig(window + 4, 1, 5);
        bench.Config(window + 16, 4);
        Assert.Equal(2u, bench.Read(Structures, 0x16, 2));
        // what a capability says cannot be written, and the list stays
        bench.SetConfig(found[1].At, 4, 0);
        Assert.Equal(PciRegs.PCI_CAP_ID_VNDR, bench.Config(found[1].At, 1));
        Assert.Equal(1u, bench.Config(found[1].At + 3, 1));
    }

    [Theory]
    [InlineData(Version1)]
    [InlineData(Version1 | PackedRing | EventIndex)]
    public void ADriverStartsADeviceAndIsInterruptedByMessages(ulong features)
    {
        using var driver = new Driver(new EchoModel());
        DriverRing[] rings = driver.Start(features);
        HostBlock notify = driver.Slots.MapBar(Notify);
        for (int i = 0; i < 20; i++)
        {
            rings[1].WantInterrupts(true);
            int messages = driver.Slots.Messages; // the device may see the request before it is told
            int? token = rings[1].Add(s_request);
            if (rings[1].MustKick()) notify.Write(4ul, (ushort)1); // the same value each time
            // Before the used chain is taken: a driver that has taken it asks for an interrupt about the next one only.
            Until.True(() => driver.Slots.Messages > messages);
            Assert.Equal((token!.Value, 8u), rings[1].Await());
            Assert.Equal(1, driver.Slots.LastVector);
        }

        Assert.Equal(0, driver.Slots.LineRises);
    }

    [Fact]
    public void WithoutMessagesTheLineIsRaisedUntilTheStatusIsRead()
    {
        using var driver = new Driver(new EchoModel(), messages: false);
        DriverRing[] rings = driver.Start(Version1);
        rings[0].Add(s_request);
        driver.Kick(0);
        rings[0].Await();
        Until.True(() => driver.Slots.Slot.LineAsserted);
        Assert.Equal(1u, driver.Read(Isr, 1));
        Assert.False(driver.Slots.Slot.LineAsserted);
        Assert.Equal(0u, driver.Read(Isr, 1));
        driver.Model.Slot.ConfigChanged();
        Assert.True(driver.Slots.Slot.LineAsserted);
        Assert.Equal(2u, driver.Read(Isr, 1));
    }

    [Fact]
    public void FeaturesAreSettledOnlyIfTheDeviceCanWorkWithThem()
    {
        using var driver = new Driver(new EchoModel());
        Assert.Equal(Rings | RingReset | EchoModel.ManyAtOnce, driver.DeviceFeatures());
        Assert.False(driver.Settle(EchoModel.ManyAtOnce)); // without VERSION_1
        driver.Write(0x14, 1, 0);
        Assert.False(driver.Settle(Version1 | (1UL << 50)));
        driver.Write(0x14, 1, 0);
        Assert.True(driver.Settle(Version1));
        driver.SetFeatures(Version1 | PackedRing); // too late
        driver.Write(0x14, 1, 15);
        Assert.Equal(Version1, driver.Model.Features);
    }

    [Fact]
    public void TheSelectedQueueIsShown()
    {
        using var driver = new Driver(new EchoModel());
        Assert.Equal(3u, driver.Read(0x12, 2));
        for (uint queue = 0; queue < 3; queue++)
        {
            driver.Write(0x16, 2, queue);
            Assert.Equal((256u, queue, 0u, 0xffffu),
                (driver.Read(0x18, 2), driver.Read(0x1e, 2), driver.Read(0x1c, 2), driver.Read(0x1a, 2)));
            driver.Write(0x18, 2, 16u << (int)queue);
            driver.Write(0x1a, 2, queue);
            driver.Slots.Slot.Write(Structures, 0x20, 8, 0x1_0000_1000 * (queue + 1ul));
            driver.Write(0x28, 4, 0x2000 + queue);
            driver.Write(0x2c, 4, 7);
        }

        for (uint queue = 0; queue < 3; queue++)
        {
            driver.Write(0x16, 2, queue);
            Assert.Equal((16u << (int)queue, queue), (driver.Read(0x18, 2), driver.Read(0x1a, 2)));
            Assert.Equal(0x1_0000_1000 * (queue + 1ul), driver.Slots.Slot.Read(Structures, 0x20, 8));
            Assert.Equal((0x2000 + queue, 7u, 0u), (driver.Read(0x28, 4), driver.Read(0x2c, 4), driver.Read(0x30, 4)));
        }

        driver.Write(0x16, 2, 3);
        Assert.Equal(0u, driver.Read(0x18, 2)); // there is none
        driver.Write(0x1c, 2, 1);
        driver.Write(0x1a, 2, 99);
        driver.Write(0x16, 2, 2);
        driver.Write(0x1a, 2, 4); // a vector that does not exist
        Assert.Equal(0xffffu, driver.Read(0x1a, 2));
        driver.Write(0x10, 2, 3);
        Assert.Equal(3u, driver.Read(0x10, 2));
    }

    [Fact]
    public void TheConfigurationIsReadAsItIsAndWrittenByBytes()
    {
        using var driver = new Driver(new EchoModel());
        driver.Model.Config[3] = 0x77;
        Assert.Equal(0x77000000u, driver.Read(Config, 4));
        uint generation = driver.Read(0x15, 1);
        driver.Write(Config + 4, 4, 0x11223344);
        Assert.Equal([0x44, 0x33, 0x22, 0x11], driver.Model.Config[4..8]);
        driver.Model.Slot.ConfigChanged();
        Assert.NotEqual(generation, driver.Read(0x15, 1));
        Assert.Equal(0u, driver.Read(Config + 16, 4)); // beyond its end
    }

    [Fact]
    public void AQueueIsResetAloneAndSetUpAnew()
    {
        using var driver = new Driver(new EchoModel());
        DriverRing[] rings = driver.Start(Version1 | RingReset);
        rings[0].Add(s_request);
        driver.Kick(0);
        rings[0].Await();
        driver.Write(0x16, 2, 0);
        driver.Write(0x3a, 2, 1);
        Assert.Equal((0u, 0u, 256u), (driver.Read(0x3a, 2), driver.Read(0x1c, 2), driver.Read(0x18, 2)));
        rings[1].Add(s_request);
        driver.Kick(1);
        rings[1].Await(); // another goes on
        DriverRing fresh = driver.NewRing(Version1, 0);
        driver.SetUp(0, fresh);
        fresh.Add(s_request);
        driver.Kick(0);
        fresh.Await();
    }

    [Fact]
    public void AResetStopsTheDeviceAndForgetsAll()
    {
        using var driver = new Driver(new EchoModel());
        DriverRing[] rings = driver.Start(Version1);
        driver.Write(0x10, 2, 3);
        driver.Write(0x14, 1, 0);
        Assert.Equal(0u, driver.Read(0x14, 1));
        Assert.Equal(1, driver.Model.Resets);
        Assert.Equal((0xffffu, 0u), (driver.Read(0x10, 2), driver.Read(0x1c, 2)));
        rings[0].Add(s_request);
        driver.Kick(0);
        rings = driver.Start(Version1);
        rings[0].Add(s_request);
        driver.Kick(0);
        rings[0].Await();
        driver.Slots.Slot.Reset();
        Assert.Equal(2, driver.Model.Resets);
        Assert.Equal(0u, driver.Read(0x14, 1));
    }

    [Fact]
    public void ABrokenRingIsToldByStatusAndInterrupt()
    {
        using var driver = new Driver(new EchoModel());
        driver.Start(Version1);
        driver.Write(0x10, 2, 3);
        driver.Memory.Write(0x4002, (ushort)100); // the available index of queue 0
        driver.Kick(0);
        Until.True(() => driver.Slots.LastVector == 3);
        Assert.Equal(0x4fu, driver.Read(0x14, 1));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ALegacyDriverHasItsRegistersInBar0(bool messages)
    {
        using var driver = new Driver(new EchoModel(), messages);
        ulong Get(ulong offset, int width) => driver.Slots.Slot.Read(Legacy, offset, width);
        void Set(ulong offset, int width, ulong value) => driver.Slots.Slot.Write(Legacy, offset, width, value);
        Set(0x12, 1, 0);
        Set(0x12, 1, 3);
        Assert.Equal((Rings | EchoModel.ManyAtOnce) & uint.MaxValue, Get(0, 4));
        Set(4, 4, 0);
        Set(0x0e, 2, 1);
        Assert.Equal(256ul, Get(0x0c, 2));
        if (messages)
        {
            Set(0x14, 2, 3);
            Set(0x16, 2, 2);
            Assert.Equal(3ul | (2ul << 16), Get(0x14, 4));
            Set(0x16, 2, 99);
            Assert.Equal(0xfffful, Get(0x16, 2));
            Set(0x16, 2, 2);
        }

        driver.Model.Config[4] = 0x5a;
        ulong config = messages ? 0x18u : 0x14u;
        Assert.Equal(0x5aul, Get(config + 4, 1));
        Set(config + 6, 2, 0x1234);
        Assert.Equal([0x34, 0x12], driver.Model.Config[6..8]);

        var ring = new LegacyRing(driver.Memory);
        Set(8, 4, Base >> 12);
        Assert.Equal(Base >> 12, Get(8, 4));
        Set(0x12, 1, 7);
        for (int i = 0; i < 3; i++)
        {
            int interrupts = driver.Slots.Messages;
            ring.Submit();
            Set(0x10, 2, 1);
            Until.True(() => ring.Used == i + 1);
            if (messages)
            {
                Until.True(() => driver.Slots.Messages > interrupts);
                Assert.Equal(2, driver.Slots.LastVector);
            }
            else
            {
                Until.True(() => driver.Slots.Slot.LineAsserted);
                Assert.Equal(1ul, Get(0x13, 1));
            }
        }

        Set(8, 4, 0); // the queue is reset
        Set(0x0e, 2, 3);
        Assert.Equal(0ul, Get(0x0c, 2)); // there is none
        Set(8, 4, 1);
        Set(0x10, 2, 3);
        Set(0x12, 1, 0);
        Assert.Equal((0ul, 0ul, 0ul), (Get(0x12, 1), Get(8, 4), Get(0x0e, 2)));
        Assert.Equal(2, driver.Model.Resets);
    }

    /// <summary>A split ring of 256 entries as a legacy driver lays it out, each request the same.</summary>
    private sealed class LegacyRing(HostBlock memory)
    {
        private const ulong Available = 256 * 16, UsedRing = 0x2000;
        private ushort _next;

        internal int Used => memory.Read<ushort>(UsedRing + 2);

        internal void Submit()
        {
            memory.Write(0, Data);
            memory.Write(8, 8u);
            memory.Write(Available + 4 + (2ul * _next), (ushort)0);
            memory.Write(Available + 2, ++_next);
        }
    }

    /// <summary>The driver of a function in a slot.</summary>
    private sealed class Driver : IDisposable
    {
        internal Driver(EchoModel model, bool messages = true)
        {
            Model = model;
            Slots = new SlotBench(new VirtioPciDevice(model)) { MessagesEnabled = messages };
            (_, Memory) = Slots.Map(Base, VirtioBench.Size, 0);
        }

        internal EchoModel Model { get; }

        internal SlotBench Slots { get; }

        internal HostBlock Memory { get; }

        public void Dispose() => Slots.Dispose();

        internal uint Read(uint offset, int width) => (uint)Slots.Slot.Read(Structures, offset, width);

        internal void Write(uint offset, int width, uint value) => Slots.Slot.Write(Structures, offset, width, value);

        internal void Kick(int queue) => Slots.Slot.Write(Notify, (ulong)queue * 4, 2, (ulong)queue);

        internal ulong DeviceFeatures()
        {
            Write(0, 4, 0);
            ulong low = Read(4, 4);
            Write(0, 4, 1);
            ulong all = low | ((ulong)Read(4, 4) << 32);
            Write(0, 4, 2);
            Assert.Equal(0u, Read(4, 4));
            return all;
        }

        internal void SetFeatures(ulong features)
        {
            Write(8, 4, 0);
            Write(12, 4, (uint)features);
            Write(8, 4, 1);
            Write(12, 4, (uint)(features >> 32));
        }

        internal bool Settle(ulong features)
        {
            Write(0x14, 1, 3);
            SetFeatures(features);
            Write(0x14, 1, 11);
            return (Read(0x14, 1) & 8) != 0;
        }

        internal DriverRing NewRing(ulong features, int queue)
        {
            ulong at = Base + ((ulong)queue * 0x20000);
            Memory.CopyFrom(at - Base, new byte[0x20000]);
            return (features & PackedRing) != 0
                ? new PackedDriver(Memory, Base, at, 16, features)
                : new SplitDriver(Memory, Base, at, 16, features);
        }

        internal void SetUp(int queue, DriverRing ring)
        {
            Write(0x16, 2, (uint)queue);
            Write(0x18, 2, (uint)ring.Size);
            Write(0x1a, 2, (uint)queue);
            Slots.Slot.Write(Structures, 0x20, 8, ring.Descriptors);
            Slots.Slot.Write(Structures, 0x28, 8, ring.Driver);
            Slots.Slot.Write(Structures, 0x30, 8, ring.Device);
            Write(0x1c, 2, 1);
            Assert.Equal(1u, Read(0x1c, 2));
        }

        internal DriverRing[] Start(ulong features)
        {
            Assert.True(Settle(features));
            DriverRing[] rings = [.. Enumerable.Range(0, 3).Select(queue => NewRing(features, queue))];
            for (int queue = 0; queue < 3; queue++) SetUp(queue, rings[queue]);
            Write(0x14, 1, 15);
            return rings;
        }
    }
}
