namespace Ioasis.EndToEnd.Debian;

/// <summary>
/// DPDK as Debian has it: 22.11 of bookworm, 24.11 of trixie. Its driver of I/OAT drives ours through a group and a
/// container.
/// </summary>
[Collection(nameof(DebianBench))]
public sealed class DpdkTests(DebianBench debian, Workbench bench)
{
    private const string Bdf = "0000:0b:00.0", Device = $"ioat@{Bdf}", Probed = $"ioat_dmadev_probe(): Init {Bdf}";

    // It looks at the mapped status for microseconds after a store. Where others take the processors away meanwhile
    // (docs/devices/ioat.md), it says this.
    private const string Overtaken = "Device couldn't be recovered";
    private const int Attempts = 5;

    private static readonly string[] s_memory = ["--no-huge", "-m", "64", "--no-shconf", "--no-telemetry", "-a", Bdf];
    private static readonly string[] s_drivers = ["bus_pci", "bus_vdev", "mempool_ring", "dma_ioat"];

    [Fact]
    public async Task Its_own_test_of_DMA_engines_copies_and_fills()
    {
        string[] arguments = [.. s_memory, "-l", "0", .. DebianBench.Drivers("bookworm", s_drivers)];
        Ending ending = await Run("bookworm", "dpdk-test", arguments, "dmadev_autotest\nquit\n");
        ending.MustEnd().MustSay("Running copy Tests", "Ops submitted: 85120\tOps completed: 85120\tErrors: 0",
            "Running fill Tests", "Test OK");
        Assert.Contains(Probed, ending.ToString(), StringComparison.Ordinal);
    }

    /// <summary>
    /// That test of 24.11 demands that a mapped channel is suspended within microseconds; this program copies, and
    /// compares.
    /// </summary>
    [Fact]
    public async Task Its_measurement_of_DMA_engines_copies()
    {
        string configuration = Path.Combine(await bench.Scratch(Who.Self), "copies.ini");
        await File.WriteAllTextAsync(configuration, $"""
            [case1]
            type=DMA_MEM_COPY
            mem_size=4
            buf_size=4096
            dma_ring_size=256
            kick_batch=32
            src_numa_node=0
            dst_numa_node=0
            cache_flush=0
            test_seconds=1
            lcore_dma0=lcore=1,dev={Bdf},dir=mem2mem
            eal_args=--no-huge -m 64 --no-shconf -a {Bdf} {string.Join(' ', DebianBench.Drivers("trixie", s_drivers))}

            """, TestContext.Current.CancellationToken);
        Ending ending = await Run(
            "trixie", "dpdk-test-dma-perf", ["--config", configuration, "--result", $"{configuration}.csv"]);
        ending.MustEnd().MustSay("Buffer Number: 512", "Average Bandwidth: ", "Case process exited. status 0");
        Assert.DoesNotContain("validation fails", ending.ToString(), StringComparison.Ordinal);
        Assert.Contains(Probed, ending.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bookworm")]
    [InlineData("trixie")]
    public async Task Testpmd_probes_and_forwards(string suite)
    {
        string[] arguments =
        [
            .. s_memory, "-l", "0,1", "--vdev=net_null0", "--vdev=net_null1",
            .. DebianBench.Drivers(suite, [.. s_drivers, "net_null"]),
            "--", "-i", "--total-num-mbufs=2048",
        ];
        Ending ending = await Run(suite, "dpdk-testpmd", arguments, "start\nshow fwd stats all\nstop\nquit\n");
        ending.MustEnd().MustSay("Forward statistics for port 0", "Bye...");
        Assert.Contains(Probed, ending.ToString(), StringComparison.Ordinal);
    }

    private async Task<Ending> Run(string suite, string program, string[] arguments, string? input = null)
    {
        for (int attempt = 1; ; attempt++)
        {
            Ending ending = await debian.Run(suite, Device, program, arguments, input);
            if (attempt == Attempts || !ending.ToString().Contains(Overtaken, StringComparison.Ordinal)) return ending;
        }
    }
}
