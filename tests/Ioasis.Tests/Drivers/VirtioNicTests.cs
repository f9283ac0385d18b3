using System.Collections.Concurrent;
using Ioasis.Client.Drivers;
using Ioasis.Devices.Net;
using Ioasis.Devices.Virtio;
using Ioasis.Examples.VirtioNet;
using Ioasis.Memory;

namespace Ioasis.Tests.Drivers;

/// <summary>The virtio-net driver of the examples, in user space and inside the host.</summary>
public sealed class VirtioNicTests
{
    private const string Card = $"virtio-net@{FunctionRig.Address}", Other = "1000:00:06.0";
    private static readonly VirtioNicOptions s_options =
        new() { Entries = 64, HealthCheck = TimeSpan.FromMilliseconds(20) };

    public static TheoryData<DriverHome> Homes =>
        [.. Enum.GetValues<DriverHome>().Where(home => home != DriverHome.Mdev)];

    public static TheoryData<DriverHome> UserAndHost => [DriverHome.Vfio, DriverHome.Host];

    [Theory, MemberData(nameof(Homes))]
    public async Task Frames_arrive_as_they_were_sent(DriverHome home)
    {
        using var rig = new FunctionRig(home, Card);
        foreach (bool polls in (bool[])[false, true])
        {
            using var card = new VirtioNic(rig.Function, s_options with { Polls = polls });
            Assert.Equal((polls, 1500, true), (card.IsPolled, card.Mtu, card.IsUp));
            Assert.Equal([0x52, 0x54, 0x00, 0x12, 0x34, 0x56], card.Mac.ToArray());
            var run = new VerifyRun(card, card, depth: 16, mayLose: false);
            Assert.Null(await run.Run(300));
            Assert.Equal((300, 0, 0), (run.Arrived, card.Dropped, card.Resets));
        }
    }

    [Theory, MemberData(nameof(Homes))]
    public async Task Resets_lose_frames_and_nothing_else(DriverHome home)
    {
        using var rig = new FunctionRig(home, Card);
        using var card = new VirtioNic(rig.Function, s_options);
        var run = new VerifyRun(card, card, depth: 16, mayLose: true);
        Task<string?> running = Task.Run(() => run.Run(400));
        for (int i = 1; i <= 4; i++)
        {
            Until.True(() => run.Arrived >= i * 80 || running.IsCompleted);
            if (i % 2 == 0) rig.Function.Reset(); // behind the driver's back
            else card.Reset();
        }

        Assert.Null(await running);
        Assert.Equal(400, run.Arrived);
        Assert.InRange(card.Resets, 2, 8);
    }

    [Theory, MemberData(nameof(UserAndHost))]
    public async Task Two_cards_on_a_link_exchange_frames_in_both_directions(DriverHome home)
    {
        using var rig = new FunctionRig(
            home, $"{Card},link=hub:h", $"virtio-net@{Other},link=hub:h,mac=52:54:00:00:00:02");
        using DriverFunction function = rig.Open(Other);
        using var first = new VirtioNic(rig.Function, s_options);
        using var second = new VirtioNic(function, s_options);
        Assert.NotEqual(first.Mac.ToArray(), second.Mac.ToArray());
        string?[] wrong = await Task.WhenAll(
            Task.Run(() => new VerifyRun(first, second, depth: 16, mayLose: false).Run(300)),
            Task.Run(() => new VerifyRun(second, first, depth: 16, mayLose: false).Run(300)));
        Assert.All(wrong, Assert.Null);
    }

    [Theory, MemberData(nameof(UserAndHost))]
    public async Task The_longest_frame_goes_through_and_a_longer_one_is_refused(DriverHome home)
    {
        using var rig = new FunctionRig(home, $"{Card},mtu=9000");
        using var card = new VirtioNic(rig.Function, s_options);
        Assert.Equal(9000, card.Mtu);
        var frame = new byte[9018];
        new Random(1).NextBytes(frame);
        Assert.True(await card.SendAsync(frame, TestContext.Current.CancellationToken));
        Assert.Equal(frame, await card.Received.ReadAsync(TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            async () => await card.SendAsync(new byte[9019], TestContext.Current.CancellationToken));
    }

    /// <summary>A card without event indices: each side has flags instead.</summary>
    [Theory, MemberData(nameof(UserAndHost))]
    public async Task A_card_may_lack_what_the_driver_does_not_need(DriverHome home)
    {
        using var rig = new FunctionRig(home, $"{Card},features={ulong.MaxValue & ~(1UL << 29)}");
        using var card = new VirtioNic(rig.Function, s_options);
        Assert.Null(await new VerifyRun(card, card, depth: 16, mayLose: false).Run(300));
    }

    /// <summary>Such a card would use addresses that no IOMMU translates.</summary>
    [Theory, MemberData(nameof(UserAndHost))]
    public void A_card_without_access_platform_is_refused(DriverHome home)
    {
        using var rig = new FunctionRig(home, $"{Card},features={ulong.MaxValue & ~(1UL << 33)}");
        Assert.Throws<IOException>(() => new VirtioNic(rig.Function, s_options));
        using var other = new FunctionRig(home, $"edu@{FunctionRig.Address}");
        Assert.Throws<IOException>(() => new VirtioNic(other.Function, s_options));
    }

    [Theory, MemberData(nameof(UserAndHost))]
    public async Task What_nobody_takes_is_dropped_and_the_card_goes_on(DriverHome home)
    {
        using var rig = new FunctionRig(home, Card);
        using var card = new VirtioNic(rig.Function, s_options with { Waiting = 4 });
        for (byte i = 0; i < 20; i++)
            Assert.True(await card.SendAsync(Frame(i), TestContext.Current.CancellationToken));
        Until.True(() => card.Dropped == 16);
        for (byte i = 0; i < 4; i++)
            Assert.Equal(Frame(i), await card.Received.ReadAsync(TestContext.Current.CancellationToken));
        Assert.True(await card.SendAsync(Frame(99), TestContext.Current.CancellationToken));
        Assert.Equal(Frame(99), await card.Received.ReadAsync(TestContext.Current.CancellationToken));

        static byte[] Frame(byte number)
        {
            var frame = new byte[60];
            frame.AsSpan().Fill(number);
            return frame;
        }
    }

    [Theory, MemberData(nameof(UserAndHost))]
    public void The_link_goes_up_and_down_with_its_other_side(DriverHome home)
    {
        using var rig = new FunctionRig(home, $"edu@{FunctionRig.Address}");
        var hub = new NetHub();
        Assert.True(RequesterId.TryParse(Other, out RequesterId requester));
        rig.Machine.Plug(
            new VirtioPciDevice(new VirtioNetDevice(new VirtioNetOptions { Link = hub })), "virtio-net", requester);
        using DriverFunction function = rig.Open(Other);
        // by its interrupt alone
        using var card = new VirtioNic(function, s_options with { HealthCheck = TimeSpan.FromHours(1) });
        var seen = new ConcurrentQueue<bool>();
        card.LinkChanged += seen.Enqueue;
        Assert.False(card.IsUp);
        for (int round = 0; round < 3; round++)
        {
            NetConnection other = hub.Connect(new SilentCard());
            Until.True(() => seen.Count == (2 * round) + 1);
            Assert.True(card.IsUp);
            other.Dispose();
            Until.True(() => seen.Count == (2 * round) + 2);
            Assert.False(card.IsUp);
        }

        Assert.Equal([true, false, true, false, true, false], seen);
    }

    /// <summary>A card that cannot reach its rings breaks, and says so.</summary>
    [Theory, MemberData(nameof(UserAndHost))]
    public async Task A_card_that_broke_is_reset_and_works_again(DriverHome home)
    {
        using var rig = new FunctionRig(home, Card);
        using var card = new VirtioNic(rig.Function, s_options);
        rig.Function.EnableBusMaster(false);
        Assert.False(await card.SendAsync(new byte[60], TestContext.Current.CancellationToken));
        Until.True(() => card.Resets > 0);
        rig.Function.EnableBusMaster(true);
        Assert.Null(await new VerifyRun(card, card, depth: 8, mayLose: true).Run(100));
    }

    private sealed class SilentCard : INetCard
    {
        public void Receive(int queue, ReadOnlySpan<byte> frame)
        {
        }

        public void Writable()
        {
        }

        public void LinkChanged()
        {
        }
    }
}
