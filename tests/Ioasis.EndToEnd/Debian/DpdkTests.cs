namespace Ioasis.EndToEnd.Debian;

/// <summary>DPDK as Debian has it: 22.11 of bookworm, 24.11 of trixie. Its driver of I/OAT drives ours through a group and a container.</summary>
[Collection(nameof(DebianBench))]
public sealed class DpdkTests(DebianBench debian)
{
    private const string Bdf = "0000:0b:00.0", Device = $"ioat@{Bdf}", Probed = "ioat_dmadev_probe(): Init 0000:0b:00.0";

    private static readonly string[] s_memory = ["--no-huge", "-m", "64", "--no-shconf", "--no-telemetry", "-a", Bdf];

    [Theory]
    [InlineData("bookworm")]
    [InlineData("trixie")]
    public async Task Its_own_test_of_DMA_engines_copies(string suite)
    {
        string[] arguments = [.. s_memory, "-l", "0", .. DebianBench.Drivers(suite, "bus_pci", "bus_vdev", "mempool_ring", "dma_ioat")];
        Ending ending = (await debian.Run(suite, Device, "dpdk-test", arguments, "dmadev_autotest\nquit\n")).MustEnd();
        ending.MustSay("Test OK");
        Assert.DoesNotContain("Test Failed", ending.Output, StringComparison.Ordinal);
        Assert.Contains(Probed, ending.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bookworm")]
    [InlineData("trixie")]
    public async Task Testpmd_probes_and_forwards(string suite)
    {
        string[] drivers = DebianBench.Drivers(suite, "bus_pci", "bus_vdev", "mempool_ring", "net_null", "dma_ioat");
        string[] arguments =
            [.. s_memory, "-l", "0,1", "--vdev=net_null0", "--vdev=net_null1", .. drivers, "--", "-i", "--total-num-mbufs=2048"];
        Ending ending = (await debian.Run(suite, Device, "dpdk-testpmd", arguments, "start\nshow fwd stats all\nstop\nquit\n")).MustEnd();
        ending.MustSay("Forward statistics for port 0", "Bye...");
        Assert.Contains(Probed, ending.ToString(), StringComparison.Ordinal);
    }
}
