using System.Text;
using System.Text.Json.Nodes;
using Ioasis.Client;
using Ioasis.Diagnostics.Record;
using Ioasis.Host.Control;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using Ioasis.Replay.Generator;
using Ioasis.Replay.Recordings;
using Ioasis.Scenes;
using Ioasis.Tests.Replay;
using Ioasis.Web.Sources;

namespace Ioasis.Tests.Web;

/// <summary>A recording as the page shows it: the machine as it was after each line.</summary>
public sealed class RecordingSourceTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ioasis-recording-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task TheStateAfterALineIsThatWhichTheProgramHadThere()
    {
        (string path, List<(int Line, string State)> seen) = Recorded();
        await using WebClient web = await WebClient.Start(RecordingSource.Open(path));
        JsonNode about = (await web.Get("/api/about")).Body!;
        Assert.Equal(("recording", "program.ioasis"), ((string?)about["kind"], (string?)about["title"]));
        foreach ((int line, string state) in seen.Concat(Enumerable.Reverse(seen)))
        {
            JsonNode position = (await web.Post($"/api/position?at={line}")).Body!;
            Assert.Equal((line, null), ((int)position["at"]!, (string?)position["difference"]));
            Assert.Equal(state, StateOf((await web.Get("/api/state")).Body!));
        }
    }

    [Fact]
    public async Task AMoveBackGivesWhatAFirstMoveGives()
    {
        string path = Write(RecordingTests.Record(SequenceGenerator.Generate(5, 1500).Calls));
        using RecordingSource moved = RecordingSource.Open(path), fresh = RecordingSource.Open(path);
        await moved.Move(moved.Position.Lines, CancellationToken.None);
        RecordingPosition position = await moved.Move(600, CancellationToken.None);
        await fresh.Move(600, CancellationToken.None);
        Assert.Equal(600, position.At);
        Assert.Null(position.Difference);
        Assert.Equal(StateOf(fresh), StateOf(moved));
        await moved.Move(0, CancellationToken.None);
        using RecordingSource never = RecordingSource.Open(path);
        Assert.Equal(StateOf(never), StateOf(moved));
    }

    [Fact]
    public async Task OfManyMovesTheNewestCounts()
    {
        string path = Write(RecordingTests.Record(SequenceGenerator.Generate(6, 1500).Calls));
        await using WebClient web = await WebClient.Start(RecordingSource.Open(path));
        int lines = (int)(await web.Get("/api/position")).Body!["lines"]!;
        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => web.Post($"/api/position?at={i * 7 % lines}")));
        Assert.Equal(41, (int)(await web.Post("/api/position?at=41")).Body!["at"]!);
        (int status, JsonNode? body) = await web.Post($"/api/position?at={lines + 1}");
        Assert.Equal((400, $"there is no line {lines + 1}: the recording has lines 0 to {lines}"),
            (status, (string?)body!["error"]));
        (status, body) = await web.Post("/api/position?at=no");
        Assert.Equal((400, "\"no\" is no number of lines"), (status, (string?)body!["error"]));
    }

    [Fact]
    public async Task EachSubscriberGetsTheRecordedEventsOfAKind()
    {
        (string path, _) = Recorded();
        await using WebClient web = await WebClient.Start(RecordingSource.Open(path));
        double[] expected = [.. File.ReadLines(path).Select(l => JsonNode.Parse(l)!)
            .Where(l => (string?)l["event"] == "map").Select(l => (double)l["time"]!)];
        Assert.NotEmpty(expected);
        for (int subscriber = 0; subscriber < 2; subscriber++)
        {
            JsonNode[] told = await web.Stream("/api/events?kinds=map", expected.Length);
            Assert.Equal(expected, told.Select(l => (double)l["time"]!));
            Assert.All(told, l => Assert.Equal("map", (string?)l["event"]));
        }

        Assert.Equal(400, (await web.Get("/api/events?kinds=nothing")).Status);
    }

    [Fact]
    public async Task ADifferenceIsToldInWordsAndTheRestIsPlayedAllTheSame()
    {
        (string path, List<(int Line, string State)> seen) = Recorded();
        RecordingFile recording = RecordingFile.Read(path);
        int map = Enumerable.Range(0, recording.Lines.Count)
            .First(i => (string?)recording.Lines[i]["request"] == "IOMMU_IOAS_MAP");
        recording.Lines[map].Remove("result");
        recording.Lines[map]["errno"] = "EPERM";
        using RecordingSource source = RecordingSource.Open(Write(recording));
        RecordingPosition before = await source.Move(map, CancellationToken.None);
        Assert.Null(before.Difference);
        RecordingPosition after = await source.Move(seen[^1].Line, CancellationToken.None);
        Assert.Equal((seen[^1].Line, map + 1), (after.At, after.DiffersAt));
        Assert.Contains("IOMMU_IOAS_MAP of file", after.Difference, StringComparison.Ordinal);
        Assert.Contains("recorded: errno=EPERM", after.Difference, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "The recording is empty.")]
    [InlineData("{\"recording\":1", "Line 1 is no JSON")]
    [InlineData("[1]", "Line 1 is no object of JSON")]
    [InlineData("{\"recording\":99}", "not that of a recording of version")]
    [InlineData("{\"recording\":1,\"machine\":7}", "cannot be shown")]
    [InlineData("{\"recording\":1,\"machine\":{\"options\":[\"--device\",\"toaster\"]}}", "toaster")]
    public void ADamagedFileIsRefusedInASentence(string text, string words)
    {
        string path = Path.Combine(_folder, "damaged.ioasis");
        File.WriteAllText(path, text);
        FormatException refusal = Assert.Throws<FormatException>(() => RecordingSource.Open(path));
        Assert.StartsWith($"{path} cannot be shown: ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"event\":\"call\",\"file\":\"file1\",\"call\":\"sing\"}")]
    [InlineData("{\"event\":7}")]
    [InlineData("{\"event\":\"call\"}")]
    public async Task ALineThatCannotBePlayedIsRefusedInASentence(string line)
    {
        string path = Path.Combine(_folder, "strange.ioasis");
        File.WriteAllLines(path, ["{\"recording\":1,\"machine\":{\"options\":[]}}",
            "{\"event\":\"open\",\"path\":\"/dev/iommu\",\"file\":\"file1\"}", line]);
        using RecordingSource source = RecordingSource.Open(path);
        IOException refusal = await Assert.ThrowsAsync<IOException>(() => source.Move(2, CancellationToken.None));
        Assert.StartsWith("line 3 of the recording cannot be played: ", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(1, source.Position.At);
        await source.Move(0, CancellationToken.None);
        Assert.Equal(0, source.Position.At);
    }

    [Fact]
    public void AFileThatIsTooLongIsRefused()
    {
        string path = Path.Combine(_folder, "long.ioasis");
        File.WriteAllLines(path, Enumerable.Repeat("{}", RecordingSource.MostLines + 1)
            .Prepend("{\"recording\":1,\"machine\":{\"options\":[]}}"));
        Assert.Contains("more than 200000 lines", Assert.Throws<FormatException>(() => RecordingSource.Open(path))
            .Message, StringComparison.Ordinal);
    }

    /// <summary>A program that maps, lets a device work and unmaps, and what its machine was at some lines.</summary>
    private (string Path, List<(int Line, string State)> Seen) Recorded()
    {
        string path = Path.Combine(_folder, "program.ioasis");
        List<(long Sequence, string State)> seen = [];
        using (SoftwareMachine machine = SoftwareMachine.Create(MachineDescription.Default))
        using (var output = new StreamWriter(path))
        {
            var answers = new ControlAnswers(machine, 0, []);
            using var recorder = new Recorder(machine.Observers, machine.NameOf,
                new JsonObject { ["options"] = new JsonArray() }, withMemory: true, output, machine.DeviceOf);
            void Look() => seen.Add((machine.Observers.Stamp().Sequence, StateOf(JsonNode.Parse(
                answers.Answer(Encoding.UTF8.GetBytes("{\"Verb\":\"state\"}")))!)));
            using (var board = new DemoBoard(machine, "dmatest"))
            {
                Look();
                Ioas ioas = board.Context.AllocateIoas(), other = board.Context.AllocateIoas();
                board.Device.Attach(ioas);
                Look();
                using UserMemory memory = board.Nodes.Allocate(0x3000);
                ioas.Map(memory, at: new Iova(0x10_0000));
                other.Map(memory, at: new Iova(0x20_0000));
                Look();
                new DemoDevice(board.Device).ReadMemory(new Iova(0x10_0000));
                ioas.Unmap(new Iova(0x10_0000), 0x3000);
                board.Device.Attach(other);
                ioas.Destroy();
                Look();
            }

            Look();
        }

        long[] lines = [.. File.ReadLines(path).Skip(1).Select(l => (long)JsonNode.Parse(l)!["seq"]!)];
        return (path, [.. seen.Select(s => (lines.Count(l => l < s.Sequence), s.State))]);
    }

    private string Write(RecordingFile recording)
    {
        string path = Path.Combine(_folder, $"{Guid.NewGuid():N}.ioasis");
        using var output = new StreamWriter(path);
        recording.Write(output);
        return path;
    }

    private static string StateOf(RecordingSource source) =>
        StateOf(JsonNode.Parse(source.Ask(new ControlRequest("state")).Span)!);

    // Who the program is, and what it costs, is not recorded.
    private static string StateOf(JsonNode state)
    {
        foreach (JsonNode? one in state["files"]!.AsArray().Concat(state["contexts"]!.AsArray()))
            foreach (string name in (string[])["process", "chargedBytes"]) one!.AsObject().Remove(name);
        return state.ToJsonString();
    }
}
