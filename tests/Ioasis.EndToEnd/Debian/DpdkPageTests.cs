namespace Ioasis.EndToEnd.Debian;

/// <summary>The command lines of docs/dpdk-spdk.md for DPDK, run as they stand there.</summary>
[Collection(nameof(DebianBench))]
public sealed class DpdkPageTests(DebianBench debian, Workbench bench)
{
    // It looks at the mapped status for microseconds after a store, which takes a processor of its own (ioat.md).
    private const int Attempts = 5;

    [Theory]
    [InlineData("dpdk-test", "bookworm", "", "Test OK", "bus_pci", "bus_vdev", "mempool_ring", "dma_ioat")]
    [InlineData("dpdk-testpmd", "trixie", "show port info 0\nquit\n", "Driver name: net_virtio", "bus_pci", "bus_vdev",
        "mempool_ring", "net_virtio")]
    public async Task Its_command_line_does_what_the_page_says(
        string program, string suite, string input, string says, params string[] drivers)
    {
        debian.MustBeThere();
        string text = await File.ReadAllTextAsync(Path.Combine(bench.Root, "docs/dpdk-spdk.md"),
            TestContext.Current.CancellationToken);
        string[] page = text.Replace("\\\n", "", StringComparison.Ordinal).Split('\n');
        string line = Assert.Single(page, line => line.StartsWith("ioasis run ", StringComparison.Ordinal)
            && line.Contains($" {program} ", StringComparison.Ordinal));
        // Where DPDK is installed, it finds its drivers by itself.
        string tools = await bench.Scratch(Who.Self);
        await Put(Path.Combine(tools, "ioasis"), [bench.Launcher(Who.Self)]);
        await Put(Path.Combine(tools, program), debian.Words(suite, program, DebianBench.Drivers(suite, drivers)));
        Dictionary<string, string> environment = new()
        {
            ["PATH"] = $"{tools}:{Environment.GetEnvironmentVariable("PATH")}",
        };
        for (int attempt = 1; ; attempt++)
        {
            using Execution execution = Execution.Start(["sh", "-c", line], environment);
            await execution.Say(input);
            Ending ending = await execution.End();
            if (attempt < Attempts && ending.Code != 0) continue;
            ending.MustEnd().MustSay(says);
            return;
        }
    }

    private static async Task Put(string file, string[] words)
    {
        string command = string.Join(' ', words.Select(word => $"'{word}'"));
        await File.WriteAllTextAsync(file, $"#!/bin/sh\nexec {command} \"$@\"\n",
            TestContext.Current.CancellationToken);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }
}
