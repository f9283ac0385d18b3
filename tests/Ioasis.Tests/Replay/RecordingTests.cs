using System.Text.Json.Nodes;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Replay.Calls;
using Ioasis.Replay.Generator;
using Ioasis.Replay.Recordings;

namespace Ioasis.Tests.Replay;

/// <summary>What a program did is done again, and answered in the same way, from its recording alone.</summary>
public sealed class RecordingTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void GeneratedCallsAreAnsweredAsTheyWereWhenRecorded(int seed)
    {
        RecordingFile recording = Record(SequenceGenerator.Generate(seed, 3000).Calls);
        Assert.True(recording.Lines.Count > 3000);
        using SoftwareMachine machine = MachineOf(recording);
        using var player = new RecordingPlayer(machine);
        RecordingDifference? difference = player.Play(recording.Lines);
        Assert.True(difference is null, $"{difference}");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void GeneratedCallsToVdpaDevicesAreAnsweredAsTheyWereWhenRecorded(int seed)
    {
        RecordingFile recording = Record(VdpaSequenceGenerator.Generate(seed, 2000).Calls);
        using SoftwareMachine machine = MachineOf(recording);
        using var player = new RecordingPlayer(machine);
        RecordingDifference? difference = player.Play(recording.Lines);
        Assert.True(difference is null, $"{difference}");
    }

    [Fact]
    public void AnErrnoAFieldAndMemoryThatWereOthersAreFound()
    {
        RecordingFile recording = Record(SequenceGenerator.Generate(4, 1500).Calls);
        (string Name, string Part, string Text)[] changes =
        [
            ("IOMMU_IOAS_MAP", "errno", "\"errno\":\"EPERM\""),
            ("IOMMU_IOAS_ALLOC", "out", "\"result\":0,\"out\":{\"size\":7}"),
            ("IOMMU_IOAS_IOVA_RANGES", "memory_out", "\"result\":0,\"memory_out\":{\"allowed_iovas\":\"bytes:01\"}"),
        ];
        foreach ((string name, string part, string text) in changes)
        {
            int index = IndexOf(recording, name, part == "errno" ? "out" : part);
            JsonObject changed = recording.Lines[index].DeepClone().AsObject();
            foreach ((string key, JsonNode? value) in JsonNode.Parse("{" + text + "}")!.AsObject())
                changed[key] = value!.DeepClone();
            List<JsonObject> lines = [.. recording.Lines];
            lines[index] = changed;
            using SoftwareMachine machine = MachineOf(recording);
            using var player = new RecordingPlayer(machine);
            RecordingDifference? difference = player.Play(lines);
            Assert.Equal((index, part), (difference?.Index, difference?.What));
        }
    }

    [Fact]
    public void ARecordingIsShortenedToWhatADifferenceNeeds()
    {
        RecordingFile recording = Record(SequenceGenerator.Generate(5, 400).Calls);
        int index = IndexOf(recording, "IOMMU_IOAS_MAP", "out");
        JsonObject changed = recording.Lines[index].DeepClone().AsObject();
        changed["out"] = new JsonObject { ["iova"] = 4711 };
        List<JsonObject> lines = [.. recording.Lines];
        lines[index] = changed;
        RecordingFile? shrunk = new RecordingShrinker(() => MachineOf(recording))
            .Differing(recording with { Lines = lines });
        Assert.Equal(["open", "IOMMU_IOAS_ALLOC", "IOMMU_IOAS_MAP"], shrunk!.Lines.Select(NameOf));
        RecordingFile? refused = new RecordingShrinker(() => MachineOf(recording)).Refused(recording, "ENOENT");
        Assert.Equal("ENOENT", (string?)refused!.Lines[^1]["errno"]);
        Assert.InRange(refused.Lines.Count, 2, 3);
    }

    /// <summary>Systems number nodes and groups differently; a line that opens one names its function.</summary>
    [Theory]
    [InlineData("/dev/vfio/devices/vfio77")]
    [InlineData("/dev/vfio/4711")]
    public void ANodeIsFoundByItsFunction(string path)
    {
        using SoftwareMachine machine = SoftwareMachine.Create(
            MachineDescription.Default.WithDevice("edu@0000:06:00.0").WithDevice("edu@0000:07:00.0"));
        using var player = new RecordingPlayer(machine);
        JsonObject line = Open(path);
        Assert.Equal("ENOENT", (string?)player.Play(line)!["errno"]);
        line["device"] = "0000:07:00.0";
        Assert.Null(player.Play(line)!["errno"]);
        string opened = machine.NodeOf("0000:07:00.0", ofGroup: path.EndsWith("4711", StringComparison.Ordinal))!;
        Assert.Equal("0000:07:00.0", machine.DeviceOf(opened));

        static JsonObject Open(string path) => new() { ["event"] = "open", ["path"] = path, ["file"] = "file1" };
    }

    private static string? NameOf(JsonObject line) => (string?)line["request"] ?? (string?)line["event"];

    private static int IndexOf(RecordingFile recording, string name, string part) => recording.Lines
        .Select((line, index) => (line, index))
        .First(l => NameOf(l.line) == name && l.line[part] is not null && l.line["errno"] is null).index;

    /// <summary>The recording of the calls, played in process.</summary>
    internal static RecordingFile Record(IReadOnlyList<Call> calls)
    {
        var text = new StringWriter();
        SequenceRecording.Write(calls, text);
        return RecordingFile.Parse(text.ToString().Split('\n'));
    }

    internal static SoftwareMachine MachineOf(RecordingFile recording)
    {
        MachineDescription description = recording.Description is { } text
            ? MachineDescription.Parse("recording", System.Text.Encoding.UTF8.GetBytes(text))
            : MachineDescription.Default;
        foreach (string device in recording.Options.Where(o => o != "--device"))
            description = description.WithDevice(device);
        return SoftwareMachine.Create(description);
    }
}
