namespace Ioasis.EndToEnd.Debian;

/// <summary>
/// A driver on DPDK that unmaps its memory before the engine is done: <c>run --check</c> finds it, with the line of
/// source. The same driver without the mistake is left alone.
/// </summary>
[Collection(nameof(DebianBench))]
public sealed class ForgottenDpdkTests(DebianBench debian, Workbench bench)
{
    private const string Suite = "bookworm", Bdf = "0000:0b:00.0";

    // DPDK's driver says this where others take the processors away (docs/devices/ioat.md).
    private const string Overtaken = "Device couldn't be recovered";
    private const int Attempts = 8;

    private string Source => Path.Combine(bench.Root, "tests/Clients/dpdk/dpdk_copy.c");

    [Fact]
    public async Task A_drain_before_an_unmap()
    {
        string[] lines = await File.ReadAllLinesAsync(Source, TestContext.Current.CancellationToken);
        int waits = Array.FindIndex(lines, l => l.Contains("while (!rte_dma_completed", StringComparison.Ordinal));
        Assert.Contains("rte_vfio_container_dma_unmap(", lines[waits + 1], StringComparison.Ordinal);
        Ending right = (await Check(await Build(lines))).MustEnd().MustSay("copied");
        Assert.DoesNotContain(": Ioasis", right.Error, StringComparison.Ordinal);

        // The two lines change places: now the driver waits too late. On a busy machine the driver may lose its
        // processor between doorbell and unmap, and the engine be done by then. So the engine's first access waits.
        (lines[waits], lines[waits + 1]) = (lines[waits + 1], lines[waits]);
        Ending wrong = (await Check(await Build(lines), "-e", "inject=dma:delay:when=1:delay=2s")).MustEnd(99);
        Assert.Matches(@"(?m)^==[0-9]+==ERROR: Ioasis: (dma-after-unmap|unmap-in-flight): ", wrong.Error);
        Assert.Contains("unmapped", wrong.Error, StringComparison.Ordinal);
        Assert.Contains($"in main {Source}:{waits + 1}\n", wrong.Error, StringComparison.Ordinal);
    }

    private async Task<string> Build(string[] lines)
    {
        string folder = await bench.Scratch(Who.Self), copy = Path.Combine(folder, "copy.c");
        string program = Path.Combine(folder, "program"), include = DebianBench.FileOf(Suite, "usr/include");
        string libraries = DebianBench.FileOf(Suite, "usr/lib/x86_64-linux-gnu");
        await File.WriteAllTextAsync(
            copy, $"#line 1 \"{Source}\"\n{string.Join('\n', lines)}\n", TestContext.Current.CancellationToken);
        (await Execution.Run(["sh", "-c", "gcc -g -O1 -march=corei7 -Wall -Wextra -DALLOW_EXPERIMENTAL_API "
            + $"-include rte_config.h -I '{include}/dpdk' -I '{include}/x86_64-linux-gnu/dpdk' '{copy}' -o '{program}' "
            + $"-L '{libraries}' -l:librte_eal.so.23 -l:librte_dmadev.so.23 -Wl,-rpath-link,'{libraries}'"])).MustEnd();
        return program;
    }

    private async Task<Ending> Check(string program, params string[] options)
    {
        debian.MustBeThere();
        string[] words =
        [
            bench.Launcher(Who.Self), "run", "--check", .. options, "--device", $"ioat@{Bdf},maxTransferLog2=20", "--",
            DebianBench.FileOf(Suite, "lib64/ld-linux-x86-64.so.2"), "--library-path",
            DebianBench.FileOf(Suite, "usr/lib/x86_64-linux-gnu"), program, "--no-huge", "-m", "64", "--no-shconf",
            "--no-telemetry", "--iova-mode=va", "-l", "0", "-a", Bdf,
            .. DebianBench.Drivers(Suite, "bus_pci", "bus_vdev", "mempool_ring", "dma_ioat"),
        ];
        Ending ending = await Execution.Run(words);
        for (int i = 1; i < Attempts && ending.ToString().Contains(Overtaken, StringComparison.Ordinal); i++)
            ending = await Execution.Run(words);
        return ending;
    }
}
