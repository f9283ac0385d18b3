using Ioasis.Devices.Virtio;
using Ioasis.Memory;
using static Ioasis.Devices.Virtio.VirtioFeatures;

namespace Ioasis.Tests.Devices.Virtio;

/// <summary>Rings as a driver sees them.</summary>
public sealed class RingTests
{
    private const ulong Data = VirtioBench.Data;

    public static TheoryData<ulong> Formats =>
    [
        Version1, Version1 | EventIndex, Version1 | IndirectDescriptors | InOrder, Version1 | PackedRing,
        Version1 | PackedRing | EventIndex | IndirectDescriptors,
    ];

    [Theory]
    [MemberData(nameof(Formats))]
    public void ChainsComeBackInTheirOrderWithTheBytesWritten(ulong features)
    {
        using var bench = new VirtioBench(new EchoModel());
        DriverRing ring = bench.Start(features)[0];
        bool indirect = (features & IndirectDescriptors) != 0;
        var random = new Random(1);
        int rounds = 0;
        while (rounds < 200) // some rounds of the ring and its wrap counter
        {
            List<(int Token, byte[] Bytes, ulong At, uint Room)> sent = [];
            for (int i = 0; i < 5; i++)
            {
                byte[] bytes = new byte[random.Next(1, 40)];
                random.NextBytes(bytes);
                ulong from = Data + ((ulong)i * 0x1000), to = from + 0x800;
                bench.Put(from, bytes);
                uint first = (uint)random.Next(bytes.Length + 1), room = (uint)random.Next(1, 50);
                Part[] parts = [new(from, first, false), new(from + first, (uint)bytes.Length - first, false),
                    new(to, room, true)];
                int? token = ring.Add(parts, indirect && random.Next(2) == 0);
                if (token is null) break;
                sent.Add((token.Value, bytes, to, room));
            }

            if (ring.MustKick()) bench.Slot.Kick(0);
            foreach ((int token, byte[] bytes, ulong at, uint room) in sent)
            {
                uint expected = Math.Min((uint)bytes.Length, room);
                Assert.Equal((token, expected), ring.Await());
                Assert.Equal(bytes[..(int)expected], bench.Bytes(at, (int)expected));
                rounds++;
            }
        }

        Assert.Equal(0, ring.Outstanding);
        Assert.Equal(0, bench.Faults);
        Assert.False(bench.Slot.HasFailed);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void TheDriverIsInterruptedWhenItAsksForIt(ulong features)
    {
        using var bench = new VirtioBench(new EchoModel());
        DriverRing ring = bench.Start(features)[0];
        ring.WantInterrupts(true);
        ring.Add([new Part(Data, 4, false)]);
        bench.Slot.Kick(0);
        Until.True(() => bench.SignalsOf(0) == 1);
        ring.Await();
        ring.WantInterrupts(false);
        for (int i = 0; i < 3; i++)
        {
            ring.Add([new Part(Data, 4, false)]);
            bench.Slot.Kick(0);
            ring.Await();
        }

        bench.Slot.SetEnabled(1, false); // its worker has then looked for the last time whether the driver sleeps
        ring.WantInterrupts(true);
        ring.Add([new Part(Data, 4, false)]);
        bench.Slot.Kick(0);
        Until.True(() => bench.SignalsOf(0) == 2); // and none for those before
        ring.Await();
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void AnIdleDeviceAsksToBeKickedAndNoKickIsLost(ulong features)
    {
        using var bench = new VirtioBench(new EchoModel());
        DriverRing ring = bench.Start(features)[0];
        for (int i = 0; i < 2000; i++)
        {
            Assert.NotNull(ring.Add([new Part(Data, 4, false)]));
            if (ring.MustKick()) bench.Slot.Kick(0); // only when the device asks for it
            ring.Await();
        }
    }

    [Theory]
    [InlineData(Version1 | IndirectDescriptors)]
    [InlineData(Version1 | IndirectDescriptors | PackedRing)]
    public void AChainMayBeLongerThanTheRingInATable(ulong features)
    {
        using var bench = new VirtioBench(new EchoModel());
        DriverRing ring = bench.Start(features, size: 2)[0];
        byte[] bytes = new byte[30];
        new Random(7).NextBytes(bytes);
        bench.Put(Data, bytes);
        List<Part> parts = [.. Enumerable.Range(0, 30).Select(i => new Part(Data + (ulong)i, 1, false))];
        parts.Add(new Part(Data + 0x1000, 30, true));
        int? token = ring.Add(parts, indirect: true);
        bench.Slot.Kick(0);
        Assert.Equal((token!.Value, 30u), ring.Await());
        Assert.Equal(bytes, bench.Bytes(Data + 0x1000, 30));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void DataOutsideOfMemoryIsTheRequestsMistakeAlone(ulong features)
    {
        using var bench = new VirtioBench(new EchoModel());
        DriverRing ring = bench.Start(features)[0];
        int? first = ring.Add([new Part(VirtioBench.Nowhere, 4, false), new Part(Data, 4, true)]);
        int? second = ring.Add([new Part(Data, 4, false), new Part(Data + 8, 4, true)]);
        bench.Slot.Kick(0);
        Assert.Equal((first!.Value, 0u), ring.Await());
        Assert.Equal((second!.Value, 4u), ring.Await());
        Assert.Equal(1, bench.Faults);
        Assert.False(bench.Slot.HasFailed);
    }

    [Theory]
    [InlineData(Version1)]
    [InlineData(Version1 | PackedRing)]
    public void ARingOutsideOfMemoryBreaksTheDeviceUntilAReset(ulong features)
    {
        using var bench = new VirtioBench(new EchoModel());
        bench.Start(features, enabled: 0);
        DriverRing ring = bench.NewRing(features, 0, 16);
        bench.Slot.SetAddresses(0, VirtioBench.Nowhere, VirtioBench.Nowhere + 0x1000, VirtioBench.Nowhere + 0x2000);
        bench.Slot.SetBase(0, ring.FirstBase);
        bench.Slot.SetEnabled(0, true);
        Until.True(() => bench.Slot.HasFailed);
        Until.True(() => bench.ConfigSignals == 1);
        Assert.True((bench.Slot.Status & VirtioStatus.NeedsReset) != 0);
        Assert.True(bench.Faults >= 1);

        bench.Slot.SetStatus(0);
        ring = bench.Start(features)[0];
        ring.Add([new Part(Data, 4, false)]);
        bench.Slot.Kick(0);
        ring.Await();
        Assert.Equal(1, bench.ConfigSignals);
    }

    public static TheoryData<string, ulong> Broken => new()
    {
        { "loop", Version1 }, { "outside", Version1 }, { "order", Version1 }, { "ahead", Version1 },
        { "table", Version1 }, { "tablelength", Version1 | IndirectDescriptors },
        { "nested", Version1 | IndirectDescriptors }, { "tableloop", Version1 | IndirectDescriptors },
        { "head", Version1 }, { "order", Version1 | PackedRing }, { "loop", Version1 | PackedRing },
        { "table", Version1 | PackedRing }, { "nested", Version1 | PackedRing | IndirectDescriptors },
        { "tablelength", Version1 | PackedRing | IndirectDescriptors },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public void ABrokenRingBreaksTheDevice(string how, ulong features)
    {
        using var bench = new VirtioBench(new EchoModel());
        DriverRing ring = bench.Start(features)[0];
        bool packed = (features & PackedRing) != 0;
        HostBlock memory = bench.Memory;
        ulong first = ring.Descriptors - VirtioBench.Base, flagsAt = first + (packed ? 14u : 12u);
        ulong table = Data - VirtioBench.Base;
        ushort available = packed ? (ushort)0x80 : (ushort)0;
        memory.Write(first, Data);
        memory.Write(first + 8, 16u);
        void Flags(ulong at, int flags) => memory.Write(at, (ushort)(flags | available));
        ushort index = 1;
        switch (how)
        {
            case "loop" when packed: // all descriptors go on
                for (ulong i = 0; i < 16; i++) Flags(flagsAt + (i * 16), 1);
                break;
            case "loop":
                Flags(flagsAt, 1); // the next is 0: itself
                break;
            case "outside":
                Flags(flagsAt, 1);
                memory.Write(first + 14, (ushort)16);
                break;
            case "order": // a readable one after a writable one
                Flags(flagsAt, 3);
                if (!packed) memory.Write(first + 14, (ushort)1);
                Flags(flagsAt + 16, 0);
                break;
            case "ahead":
                index = 17;
                break;
            case "table": // was not negotiated
                Flags(flagsAt, 4);
                break;
            case "tablelength":
                memory.Write(first + 8, 24u);
                Flags(flagsAt, 4);
                break;
            case "nested":
                memory.Write(table + (packed ? 14u : 12u), (ushort)4);
                Flags(flagsAt, 4);
                break;
            case "tableloop":
                memory.Write(table + 12, (ushort)1);
                Flags(flagsAt, 4);
                break;
            case "head":
                memory.Write(ring.Driver - VirtioBench.Base + 4, (ushort)16);
                break;
        }

        if (!packed) memory.Write(ring.Driver - VirtioBench.Base + 2, index);
        bench.Slot.Kick(0);
        Until.True(() => bench.Slot.HasFailed);
        Assert.Null(ring.Reap());
        Assert.True((bench.Slot.Status & VirtioStatus.NeedsReset) != 0);
    }
}
