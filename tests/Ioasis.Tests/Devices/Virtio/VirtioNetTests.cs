using System.Buffers.Binary;
using System.Net.Sockets;
using Ioasis.Devices.Net;
using Ioasis.Devices.Virtio;
using Ioasis.Devices.Virtio.Net;
using static Ioasis.Devices.Virtio.VirtioFeatures;

namespace Ioasis.Tests.Devices.Virtio;

public sealed class VirtioNetTests
{
    private const ulong Own = VirtioNetOptions.DefaultMac, Other = 0x020000000099, Group = 0x010000000001;
    private const ulong Broadcast = 0xffffffffffff;
    private const ulong Plain = Version1 | NetFeatures.Mac | NetFeatures.Status;
    private const ulong Controlled = Plain | NetFeatures.ControlQueue | NetFeatures.ControlRx
        | NetFeatures.ControlRxExtra | NetFeatures.ControlVlan | NetFeatures.ControlMac;

    public static TheoryData<ulong> Formats =>
        [Plain, Plain | PackedRing, Plain | NetFeatures.MergeableBuffers | EventIndex];

    [Theory]
    [MemberData(nameof(Formats))]
    public void WhatIsSentComesBack(ulong features)
    {
        using var card = new NetBench(null, features);
        for (int i = 0; i < 100; i++)
        {
            byte[] frame = NetBench.Frame(Other, 60 + i, (byte)i);
            card.Send(frame);
            (byte[] header, byte[] received, int buffers) = card.Receive();
            Assert.Equal(frame, received);
            Assert.Equal(1, buffers);
            Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], header);
            card.Give(0);
        }
    }

    [Fact]
    public void ALegacyDriverHasTheShorterHeader()
    {
        using var card = new NetBench(null, NetFeatures.Mac, headerSize: 10);
        byte[] frame = NetBench.Frame(Other, 77, 3);
        card.Send(frame);
        Assert.Equal(frame, card.Receive().Frame);
    }

    [Theory]
    [InlineData(Plain | NetFeatures.MergeableBuffers)]
    [InlineData(Plain | NetFeatures.MergeableBuffers | PackedRing)]
    public void ALongFrameTakesSeveralBuffersWhenTheyMerge(ulong features)
    {
        using var card = new NetBench(null, features, bufferSize: 128);
        byte[] frame = NetBench.Frame(Other, 300, 5);
        card.Send(frame);
        (_, byte[] received, int buffers) = card.Receive();
        Assert.Equal(3, buffers);
        Assert.Equal(frame, received);
    }

    [Theory]
    [InlineData(Plain)]
    [InlineData(Plain | NetFeatures.MergeableBuffers)]
    public void AFrameThatDoesNotFitIsDroppedAndTakesNoBuffer(ulong features)
    {
        using var card = new NetBench(null, features, bufferSize: 64, buffers: 2);
        card.Send(NetBench.Frame(Other, 500, 1));
        byte[] small = NetBench.Frame(Other, 40, 2);
        card.Send(small);
        Assert.Equal(small, card.Receive().Frame);
        card.Send(small);
        Assert.Equal(small, card.Receive().Frame);
        card.Send(small); // no buffer is left
        Assert.False(card.HasReceived());
        card.Give(0);
        card.Send(small);
        card.Receive();
        Assert.False(card.HasReceived());
    }

    [Fact]
    public void WhatIsNoFrameIsTakenAndDropped()
    {
        using var card = new NetBench(null, Plain);
        card.Send(new byte[13]);
        byte[] segments = new byte[12];
        segments[1] = 1; // TSO, which is not offered
        card.Send(NetBench.Frame(Other, 60, 1), segments);
        card.Send(NetBench.Frame(Other, 60, 2));
        Assert.Equal(2, card.Receive().Frame[20]);
    }

    [Fact]
    public void AChecksumIsPassedOnToADriverThatTakesItAndCompletedForOthers()
    {
        byte[] header = [1, 0, 0, 0, 0, 0, 14, 0, 6, 0, 0, 0];
        byte[] frame = NetBench.Frame(Other, 60, 0);
        frame.AsSpan(14).Clear();
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(14), 0x1234);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(20), 0x0f00); // the pseudo header's sum
        using (var card = new NetBench(null, Plain | NetFeatures.Checksum | NetFeatures.GuestChecksum))
        {
            card.Send(frame, header);
            (byte[] passed, byte[] received, _) = card.Receive();
            Assert.Equal(frame, received);
            Assert.Equal(header[..10], passed[..10]);
        }

        using (var card = new NetBench(null, Plain | NetFeatures.Checksum))
        {
            card.Send(frame, header);
            (byte[] passed, byte[] received, _) = card.Receive();
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(20), unchecked((ushort)~(0x1234 + 0x0f00)));
            Assert.Equal(frame, received);
            Assert.Equal(new byte[10], passed[..10]);
            BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), 60);
            card.Send(frame, header); // a field beyond the end
            card.Send(NetBench.Frame(Other, 60, 9));
            Assert.Equal(9, card.Receive().Frame[20]);
        }
    }

    [Fact]
    public void TheDriverChoosesWhatItGets()
    {
        using var card = new NetBench(null, Controlled);
        Check(card, Other, Group, Own, Broadcast); // all, at first
        Assert.True(card.Control(0, 0, 0));
        Check(card, Own, Broadcast);
        Assert.True(card.Control(1, 0, [1, 0, 0, 0, 2, 0, 0, 0, 0, 0x99, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1]));
        Check(card, Other, Group, Own, Broadcast);
        Assert.True(card.Control(1, 0, new byte[8]));
        Check(card, Own, Broadcast);
        Assert.True(card.Control(0, 1, 1)); // all groups
        Check(card, Group, Own, Broadcast);
        Assert.True(card.Control(0, 3, 1)); // none
        Check(card, Own, Broadcast);
        Assert.True(card.Control(0, 5, 1)); // no broadcasts
        Check(card, Own);
        Assert.True(card.Control(0, 2, 1)); // all single cards
        Check(card, Other, Own);
        Assert.True(card.Control(0, 4, 1)); // none
        Check(card);
        Assert.True(card.Control(0, 0, 1));
        Check(card, Other, Group, Own, Broadcast);
    }

    [Fact]
    public void TheDriverChoosesItsVlans()
    {
        using var card = new NetBench(null, Controlled);
        byte[] tagged = NetBench.Frame(Own, 60, 1);
        (tagged[12], tagged[13], tagged[14], tagged[15]) = (0x81, 0, 0x20, 7); // VLAN 7 of priority 1
        Assert.True(card.Control(0, 0, 0));
        card.Send(tagged);
        Assert.True(card.Control(2, 0, 7, 0));
        card.Send(NetBench.Frame(Own, 60, 2));
        Assert.Equal(2, card.Receive().Frame[20]);
        card.Send(tagged);
        Assert.Equal(tagged, card.Receive().Frame);
        Assert.True(card.Control(2, 1, 7, 0));
        card.Send(tagged);
        Assert.False(card.Control(2, 0, 0, 0x10)); // VLAN 4096
        Assert.False(card.HasReceived());
    }

    [Fact]
    public void TheAddressCanBeSetUntilAReset()
    {
        using var card = new NetBench(null, Controlled);
        Assert.True(card.Control(1, 1, 2, 0, 0, 0, 0, 0x99));
        Assert.Equal([2, 0, 0, 0, 0, 0x99], Config(card)[..6]);
        Assert.True(card.Control(0, 0, 0));
        Check(card, Other, Broadcast);
        card.Bench.Slot.SetStatus(0);
        Assert.Equal([0x52, 0x54, 0, 0x12, 0x34, 0x56, 1, 0], Config(card)[..8]);
        Assert.True(card.Bench.Slot.WriteConfig(4, [0xaa, 0xbb, 0xff, 0xff]));
        card.Bench.Slot.SetStatus(0);
        Assert.Equal([0x52, 0x54, 0, 0x12, 0xaa, 0xbb, 1, 0], Config(card)[..8]);
        Assert.False(card.Bench.Slot.WriteConfig(6, [0]));
    }

    [Fact]
    public void CommandsThatAreWrongChangeNothing()
    {
        using var card = new NetBench(null, Controlled);
        Assert.False(card.Control(0, 0));
        Assert.False(card.Control(0, 0, 1, 1));
        Assert.False(card.Control(0, 6, 1));
        Assert.False(card.Control(1, 1, 1, 2, 3));
        Assert.False(card.Control(1, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0));
        Assert.False(card.Control(1, 0, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 1, 0, 0, 0));
        Assert.False(card.Control(4, 0, 2, 0)); // several pairs were not negotiated
        Assert.False(card.Control(99, 0, 1));
        Check(card, Other, Group, Own, Broadcast);
        using var plain = new NetBench(null, Plain | NetFeatures.ControlQueue);
        Assert.False(plain.Control(0, 0, 0));
        Assert.False(plain.Control(1, 1, 2, 0, 0, 0, 0, 0x99));
    }

    [Fact]
    public void PairsWorkByThemselvesOnceTheyAreSwitchedOn()
    {
        using var card = new NetBench(new VirtioNetOptions { Pairs = 2 }, Controlled | NetFeatures.MultiQueue);
        Assert.Equal(2, Config(card)[8]);
        card.Send(NetBench.Frame(Own, 60, 1), queue: 3);
        Assert.Equal(1, card.Receive(0).Frame[20]); // one pair is on
        Assert.False(card.Control(4, 0, 3, 0));
        Assert.False(card.Control(4, 0, 0, 0));
        Assert.True(card.Control(4, 0, 2, 0));
        card.Send(NetBench.Frame(Own, 60, 2), queue: 3);
        Assert.Equal(2, card.Receive(2).Frame[20]);
        card.Send(NetBench.Frame(Own, 60, 3));
        Assert.Equal(3, card.Receive(0).Frame[20]);
    }

    [Fact]
    public void CardsAtAHubGetWhatTheOthersSend()
    {
        var hub = new NetHub();
        using var first = new NetBench(new VirtioNetOptions { Link = hub }, Plain);
        Assert.Equal(0, Config(first)[6]); // alone: the link is down
        var options = new VirtioNetOptions { Link = hub, Mac = Other };
        using (var second = new NetBench(options, Plain | PackedRing))
        {
            Assert.Equal(1, Config(first)[6]);
            Assert.Equal(1, first.Bench.ConfigSignals);
            byte[] frame = NetBench.Frame(Broadcast, 1514, 7);
            for (int i = 0; i < 8; i++)
            {
                first.Send(frame);
                Assert.Equal(frame, second.Receive().Frame);
                second.Send(frame.AsSpan(0, 60));
                Assert.Equal(frame[..60], first.Receive().Frame);
            }

            first.Send(frame); // waits for a buffer
            second.Give(0);
            Assert.Equal(frame, second.Receive().Frame);
            Assert.False(first.HasReceived());
        }

        Assert.Equal(0, Config(first)[6]);
        first.Send(NetBench.Frame(Broadcast, 60, 1)); // gets nowhere
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AStreamCarriesFramesAsQemusDoes(bool listens)
    {
        string path = Path.Combine(Path.GetTempPath(), $"ioasis-net-{Guid.NewGuid():N}");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        if (!listens)
        {
            listener.Bind(new UnixDomainSocketEndPoint(path));
            listener.Listen(1);
        }

        try
        {
            using var card = new NetBench(new VirtioNetOptions { Link = new NetStream(path, listens) }, Plain);
            Socket other = listens ? Connect(path) : listener.Accept();
            Until.True(() => Config(card)[6] == 1);
            byte[] frame = NetBench.Frame(Own, 61, 4);
            card.Send(frame);
            byte[] got = new byte[4 + 61];
            for (int at = 0; at < got.Length;) at += other.Receive(got.AsSpan(at));
            Assert.Equal([0, 0, 0, 61, .. frame], got);
            other.Send([0, 0, 0, 60, .. frame[..20]]); // in pieces
            other.Send([.. frame[20..60], 0, 0]);
            other.Send([0, 61, .. frame]);
            Assert.Equal(frame[..60], card.Receive().Frame);
            Assert.Equal(frame, card.Receive().Frame);
            int signals = card.Bench.ConfigSignals;
            other.Dispose();
            if (listens) Until.True(() => Config(card)[6] == 0);
            other = listens ? Connect(path) : listener.Accept(); // it comes again
            Until.True(() => card.Bench.ConfigSignals >= signals + 2 && Config(card)[6] == 1);
            other.Send([0xff, 0xff, 0xff, 0xff]); // no length that can be: the card hangs up
            Assert.Equal(0, other.Receive(got));
            other.Dispose();
        }
        finally
        {
            File.Delete(path);
        }

        static Socket Connect(string path)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return socket;
        }
    }

    [Fact]
    public async Task AStreamThatIsFullHoldsTheDriversFramesBackAsync()
    {
        string path = Path.Combine(Path.GetTempPath(), $"ioasis-net-{Guid.NewGuid():N}");
        using var card = new NetBench(new VirtioNetOptions { Link = new NetStream(path, listens: true) }, Plain);
        using var other = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        other.Connect(new UnixDomainSocketEndPoint(path));
        Until.True(() => Config(card)[6] == 1);
        const int Count = 3000, Length = 1500;
        var reader = Task.Run(() =>
        {
            byte[] frame = new byte[4 + Length];
            for (int i = 0; i < Count; i++)
            {
                for (int at = 0; at < frame.Length;)
                {
                    int got = other.Receive(frame.AsSpan(at));
                    Assert.NotEqual(0, got);
                    at += got;
                }

                Assert.Equal((byte)i, frame[4 + 20]);
            }
        }, TestContext.Current.CancellationToken);
        for (int i = 0; i < Count; i++) card.Send(NetBench.Frame(Own, Length, (byte)i)); // none is lost
        await reader.WaitAsync(Until.Patience, TestContext.Current.CancellationToken);
    }

    [Fact]
    public void ACaptureHasAllFrames()
    {
        string path = Path.Combine(Path.GetTempPath(), $"ioasis-{Guid.NewGuid():N}.pcap");
        try
        {
            byte[] frame = NetBench.Frame(Own, 60, 4);
            using (var card = new NetBench(new VirtioNetOptions { Capture = path }, Plain))
            {
                card.Send(frame);
                card.Send(frame.AsSpan(0, 30));
            }

            byte[] file = File.ReadAllBytes(path);
            Assert.Equal(24 + 16 + 60 + 16 + 30, file.Length);
            Assert.Equal([0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0], file[..8]);
            Assert.Equal(1, file[20]);
            Assert.Equal([60, 0, 0, 0, 60, 0, 0, 0, .. frame], file[32..(40 + 60)]);
            Assert.Equal(frame[..30], file[^30..]);
        }
        finally
        {
            File.Delete(path);
        }

        var card2 = new VirtioNetDevice(new VirtioNetOptions { Capture = "/nowhere/at/all" });
        Assert.Contains("/nowhere/at/all", Assert.Throws<ArgumentException>(() => new VirtioBench(card2)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void TheFeaturesAreThoseOfTheOptions()
    {
        const ulong simulator = 0x308830028;
        Assert.Equal(simulator, new VirtioNetDevice(new VirtioNetOptions { Features = simulator }).Function.Features);
        Assert.Equal(0UL, new VirtioNetDevice().Function.Features & NetFeatures.MultiQueue);
        Assert.NotEqual(0UL,
            new VirtioNetDevice(new VirtioNetOptions { Pairs = 2 }).Function.Features & NetFeatures.MultiQueue);
        Assert.Equal([0, 0, 1], new VirtioNetDevice().Function.Queues.Select(q => q.Group));
        Assert.Throws<ArgumentOutOfRangeException>(() => new VirtioNetDevice(new VirtioNetOptions { Pairs = 9 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new VirtioNetDevice(new VirtioNetOptions { Mtu = 67 }));
    }

    /// <summary>Of frames to four addresses these come back.</summary>
    private static void Check(NetBench card, params ulong[] expected)
    {
        byte fill = 1;
        foreach (ulong to in (ulong[])[Other, Group, Own, Broadcast])
        {
            card.Send(NetBench.Frame(to, 60, ++fill)); // the card has handled it when this returns
            Assert.Equal(expected.Contains(to), card.HasReceived());
            if (expected.Contains(to)) card.Give(0);
        }
    }

    private static byte[] Config(NetBench card)
    {
        byte[] config = new byte[24];
        card.Bench.Slot.ReadConfig(0, config);
        return config;
    }
}
