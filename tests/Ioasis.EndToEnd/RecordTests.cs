using System.Text.Json.Nodes;

namespace Ioasis.EndToEnd;

/// <summary>
/// Calls that the nodes beneath serve are recorded: here those of <c>run</c>, which the recorder does not know. The
/// guests' tests do the same on a real kernel.
/// </summary>
public sealed class RecordTests(Workbench bench)
{
    [Theory]
    [InlineData("container_ranges", Machine.DmaTest)]
    [InlineData("dmatest_pio", Machine.DmaTest)]
    [InlineData("edu_irq", Machine.Edu)]
    [InlineData("fork_fds", Machine.Edu)]
    [InlineData("ioas_basic", Machine.DmaTest)]
    [InlineData("map_file", Machine.Edu)]
    [InlineData("second_file", Machine.Edu)]
    public async Task What_the_nodes_beneath_answer_is_answered_in_a_replay(string program, string device)
    {
        string file = await Scratch();
        (await Execution.Run(bench.UnderIoasis(Who.Self, Machine.Devices, bench.Launcher(Who.Self), "record",
            "--on-system", "--with-memory", "-o", file, "--", bench.Client(program), device)))
            .MustEnd();
        Ending replayed = (await Execution.Run([bench.Launcher(Who.Self), "replay", file])).MustEnd();
        Assert.Equal("", replayed.Output);

        // Something was recorded, and each file was seen to close.
        JsonNode[] lines = await Lines(file);
        Assert.True(lines.Count(l => (string?)l["event"] == "call") > 10, $"{lines.Length} lines");
        Assert.Equal(lines.Count(l => (string?)l["event"] == "open"), lines.Count(l => (string?)l["event"] == "close"));
    }

    /// <summary>A trace on the machine beneath and a recording of the same run have the same calls.</summary>
    [Fact]
    public async Task A_recording_has_the_calls_that_a_trace_has()
    {
        string file = await Scratch(), trace = await Scratch();
        (await Execution.Run([bench.Launcher(Who.Self), "trace", "-o", trace,
            "--device", $"edu@{Machine.Edu}", "--", bench.Launcher(Who.Self), "record",
            "--on-system", "-o", file, "--", bench.Client("edu_pio"), Machine.Edu])).MustEnd();
        Assert.Equal(await Calls(trace), await Calls(file));

        static async Task<string[]> Calls(string file) => [.. (await Lines(file))
            .Where(l => (string?)l["event"] == "call").Select(l => $"{l["call"]} {l["request"]} {l["errno"]}")];
    }

    [Theory]
    [InlineData("exit 7", 7)]
    [InlineData("kill -TERM $$", 128 + 15)]
    [InlineData("(sleep 0.1; exit 3) & wait $!", 3)]
    [InlineData("trap 'exit 5' USR1; kill -USR1 $$; exit 1", 5)]
    public async Task A_program_without_nodes_ends_as_it_does_by_itself(string script, int code)
    {
        string file = await Scratch();
        (await Execution.Run([bench.Launcher(Who.Self), "record", "--on-system", "-o", file, "--", "sh", "-c", script]))
            .MustEnd(code);
        Assert.Empty(await Lines(file));
    }

    [Fact]
    public async Task A_program_that_does_not_exist_is_told()
    {
        string file = await Scratch();
        Ending ending = (await Execution.Run(
            [bench.Launcher(Who.Self), "record", "--on-system", "-o", file, "--", "/no/such/program"])).MustEnd(127);
        Assert.Contains("/no/such/program", ending.Error, StringComparison.Ordinal);
    }

    private async Task<string> Scratch() => Path.Combine(await bench.Scratch(Who.Self), "program.ioasis");

    /// <summary>The lines after the first, which describes the machine.</summary>
    private static async Task<JsonNode[]> Lines(string file)
    {
        string[] lines = await File.ReadAllLinesAsync(file, TestContext.Current.CancellationToken);
        Assert.NotNull(JsonNode.Parse(lines[0])!["recording"]);
        return [.. lines.Skip(1).Select(l => JsonNode.Parse(l)!)];
    }
}
