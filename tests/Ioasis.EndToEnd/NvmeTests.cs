namespace Ioasis.EndToEnd;

/// <summary>An unmodified NVMe driver in user space, and what it leaves in a file.</summary>
public sealed class NvmeTests(Workbench bench)
{
    private const string Bdf = "0000:08:00.0";

    [Theory]
    [InlineData(Who.Self, "mmap", true)]
    [InlineData(Who.Nobody, "mmap", true)]
    [InlineData(Who.Nobody, "pio", true)]
    [InlineData(Who.Nobody, "pio", false)]
    public async Task What_was_written_and_flushed_is_there_the_next_time(Who who, string how, bool mappable)
    {
        string folder = await bench.Scratch(who), machine = Path.Combine(folder, "machine.json"),
            file = Path.Combine(folder, "disk.img");
        await File.WriteAllTextAsync(machine, $$"""
            { "devices": [{
              "model": "nvme", "address": "{{Bdf}}", "mappable": {{(mappable ? "true" : "false")}},
              "properties": { "file": "{{file}}", "size": "8M", "serial": "the disk" }
            }] }
            """, TestContext.Current.CancellationToken);
        string[] run = [.. Workbench.As(who), bench.Launcher(who), "run", "--machine", machine, "--",
            bench.Client("nvme_rw"), Bdf, how];
        (await Execution.Run(run)).MustEnd().MustSay("serial \"the disk            \"", "16384 blocks",
            "written and read back: ok", "errors: ok", "nvme_rw: all as it must be");
        Assert.Equal(8 << 20, new FileInfo(file).Length);
        (await Execution.Run([.. run, "READ"])).MustEnd().MustSay("nvme_rw: all as it must be");
    }

    [Fact]
    public async Task A_file_that_cannot_be_used_is_told()
    {
        string machine = Path.Combine(await bench.Scratch(Who.Self), "machine.json");
        await File.WriteAllTextAsync(
            machine,
            """
            { "devices": [{
              "model": "nvme", "address": "0000:08:00.0", "properties": { "file": "/nowhere/disk.img" } }] }
            """,
            TestContext.Current.CancellationToken);
        Ending ending = await Execution.Run([bench.Launcher(Who.Self), "run", "--machine", machine, "--", "true"]);
        Assert.NotEqual(0, ending.Code);
        Assert.Contains("The file \"/nowhere/disk.img\" of an nvme cannot be used: ", ending.ToString(),
            StringComparison.Ordinal);
    }
}
