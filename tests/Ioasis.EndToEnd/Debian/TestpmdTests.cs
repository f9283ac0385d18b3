using System.Globalization;
using System.Text.RegularExpressions;

namespace Ioasis.EndToEnd.Debian;

/// <summary>
/// DPDK's testpmd forwards frames through our network device, which gives back what it is sent.
/// </summary>
[Collection(nameof(DebianBench))]
public sealed partial class TestpmdTests(DebianBench debian)
{
    private const string Suite = "trixie", Mac = "52:54:00:12:34:56", OtherMac = "52:54:00:12:34:57";
    private const int Enough = 200;

    // A burst of testpmd, four times over: what may be on its way, or dropped, when it stops.
    private const int InFlight = 128;

    private static readonly string[] s_noHuge = ["--no-huge", "-m", "256"];
    private static readonly string[] s_huge = ["-m", "64", "--in-memory"];

    /// <summary>What DPDK's memory is. Nothing of it is pinned, as not everywhere may so much be locked.</summary>
    /// <remarks>With huge pages root has physical addresses as IOVAs, a map each page.</remarks>
    public enum Pages
    {
        /// <summary>One shared memfd, IOVAs are virtual addresses.</summary>
        Small,

        /// <summary>Huge pages, IOVAs are physical addresses.</summary>
        Huge,

        /// <summary>Huge pages, IOVAs are virtual addresses.</summary>
        HugeVirtual,
    }

    [Theory]
    [InlineData("", Pages.Small, "va=on")]
    [InlineData(",packed_vq=1", Pages.Small, "va=on")]
    [InlineData("", Pages.Huge, "va=on")]
    [InlineData(",packed_vq=1", Pages.HugeVirtual, "va=on")]
    [InlineData("", Pages.Small, "sva=on")]
    [InlineData(",packed_vq=1", Pages.HugeVirtual, "sva=on")]
    public async Task Frames_come_back_through_vhost_vdpa(string options, Pages pages, string words)
    {
        string[] memory = pages switch
        {
            Pages.Small => s_noHuge,
            Pages.Huge => [.. s_huge, "--iova-mode=pa"],
            _ => [.. s_huge, "--iova-mode=va"],
        };
        await Forward($"virtio-net@n0,vdpa,mac={Mac},{words}",
            [.. memory, "--no-pci", $"--vdev=net_virtio_user0,path=/dev/vhost-vdpa-0{options}"]);
    }

    /// <summary>The same driver has the device as a PCI function, through a group and a container.</summary>
    [Fact]
    public async Task Frames_come_back_through_VFIO()
    {
        const string Bdf = "0000:0b:00.0";
        await Forward($"virtio-net@{Bdf},mac={Mac}", ["--no-huge", "-m", "64", "-a", Bdf]);
    }

    /// <summary>
    /// Forwards until enough frames were received. Then the control queue gives the device another address and makes it
    /// take only what is sent to that; the same happens again.
    /// </summary>
    private async Task Forward(string device, string[] options)
    {
        string[] arguments =
        [
            "-l", "0-1", "--no-telemetry", "--no-shconf", "--file-prefix", $"t{Guid.NewGuid():N}", .. options,
            .. DebianBench.Drivers(Suite, "bus_pci", "bus_vdev", "mempool_ring", "net_virtio"),
            "--", "-i", "--total-num-mbufs=2048", $"--eth-peer=0,{Mac}",
        ];
        using Execution testpmd = debian.Start(Suite, [device], "dpdk-testpmd", arguments);
        await testpmd.Say("show port info 0\n");
        await ForwardEnough(testpmd, Mac);
        await testpmd.Say($"set promisc 0 off\nmac_addr set 0 {OtherMac}\nset eth-peer 0 {OtherMac}\n"
            + "clear port stats 0\nshow port info 0\n");
        await ForwardEnough(testpmd, OtherMac);
        await testpmd.Say("quit\n");
        Ending ending = (await testpmd.End()).MustEnd();
        ending.MustSay("Bye...");
        Assert.DoesNotContain("mac_addr_cmd error", ending.ToString(), StringComparison.Ordinal);

        MatchCollection received = Received().Matches(ending.Output), sent = Sent().Matches(ending.Output);
        Assert.True(received.Count == 2, $"expected statistics twice, came {ending}");
        for (int i = 0; i < received.Count; i++)
        {
            long lost = Number(sent[i]) - Number(received[i]);
            Assert.True(lost is >= 0 and <= InFlight, $"{lost} frames were lost: {ending}");
        }
    }

    /// <summary>
    /// Starts, waits until enough frames were received, and stops. What counts comes after testpmd has said the port's
    /// address.
    /// </summary>
    private static async Task ForwardEnough(Execution testpmd, string mac)
    {
        await testpmd.Say("start tx_first\n");
        while (!(await testpmd.HearLine()).Contains($"MAC address: {mac}", StringComparison.Ordinal)) { }
        for (long received = 0; received < Enough;)
        {
            await testpmd.Say("show port stats 0\n");
            Match counter;
            while (!(counter = Counter().Match(await testpmd.HearLine())).Success) { }
            received = Number(counter);
        }

        await testpmd.Say("stop\n");
    }

    private static long Number(Match match) => long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^  RX-packets: (\d+) +RX-missed")]
    private static partial Regex Counter();

    [GeneratedRegex(@"Forward statistics for port 0 .*\n  RX-packets: (\d+)")]
    private static partial Regex Received();

    [GeneratedRegex(@"Forward statistics for port 0 .*\n.*\n  TX-packets: (\d+)")]
    private static partial Regex Sent();
}
