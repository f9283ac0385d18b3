using System.Text.Json;
using System.Text.Json.Nodes;
using Ioasis.Client;
using Ioasis.Core.Faults;
using Ioasis.Host.Control;
using Ioasis.Web.Lessons;

namespace Ioasis.Tests.Web;

/// <summary>Each lesson goes to its end, and the machine is after each step what the lesson says.</summary>
public sealed class LessonTests
{
    public static TheoryData<string> Names => [.. LessonBook.All.Select(l => l.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void EachStepDoesWhatItMustAndSaysSo(string name)
    {
        using LessonRun run = Begin(name);
        IReadOnlyList<LessonStep> steps = run.Lesson.Steps;
        for (int i = 0; i < steps.Count; i++)
        {
            LessonResult result = run.Next(i);
            Assert.EndsWith(".", result.Says, StringComparison.Ordinal);
            Assert.DoesNotContain("0x ", result.Says, StringComparison.Ordinal);
            Assert.NotEmpty(steps[i].C);
            Assert.NotEmpty(steps[i].CSharp);
            if (result.Walk is { } walk) Assert.NotEmpty(Walk(run, walk));
        }

        LessonException end = Assert.Throws<LessonException>(() => run.Next(steps.Count));
        Assert.Contains("at its end", end.Message, StringComparison.Ordinal);
        LessonException again = Assert.Throws<LessonException>(() => run.Next(0));
        Assert.Equal($"{steps.Count} steps of the lesson are done, not 0.", again.Message);
    }

    [Fact]
    public void TheFirstLessonMapsAndIsRefusedThreeTimes()
    {
        using LessonRun run = Begin("dma");
        Next(run, 3);
        JsonNode picture = Picture(run);
        Assert.Equal((uint)picture["hwpt"]!, (uint)Attachments(run, "1000:00:04.0")[0]["hwpt"]!);
        Next(run, 1);
        JsonNode ioas = Objects(run, "ioas").Single();
        Assert.Equal(((uint)picture["ioas"]!, 2), ((uint)ioas["id"]!, (int)ioas["mapCount"]!));
        Assert.Equal(Picture(run)["maps"]!.AsArray().Select(m => (string?)m!["address"]),
            ioas["maps"]!.AsArray().Select(m => (string?)m!["address"]));
        Next(run, 2);
        Assert.Empty(run.Lesson.Machine.Units.First().Faults.Snapshot());
        LessonResult unmap = Next(run, 3);
        Assert.Equal([(FaultReason.NoPermission, true), (FaultReason.NotMapped, false), (FaultReason.NotMapped, true)],
            run.Lesson.Machine.Units.First().Faults.Snapshot().Select(f => (f.Reason, f.IsWrite)));
        Assert.Equal(1, (int)Objects(run, "ioas").Single()["mapCount"]!);
        Assert.Contains(unmap.Calls, c => c.IsCall && c.Text.Contains("IOMMU_IOAS_UNMAP", StringComparison.Ordinal));
        Assert.Contains(unmap.Changes, c => c is { What: "context 1: IOAS 2", Was: "mapCount 2, mappedBytes 8192" });
        Assert.Contains(unmap.Changes, c => c is { What: "context 1: IOAS 2: map 0x200000-0x200fff", Now: null });
    }

    [Fact]
    public void TheNestedLessonWalksTheGuestsTableUntilTheHostTakesItAway()
    {
        using LessonRun run = Begin("nested");
        Next(run, 3);
        JsonNode nested = Objects(run, "hwpt_nested").Single(), picture = Picture(run);
        Assert.Equal((uint)picture["nested"]!, (uint)nested["id"]!);
        Assert.Equal((uint)picture["parent"]!, (uint)nested["parent"]!);
        Assert.Null(picture["leaf"]);
        LessonResult read = Next(run, 1);
        Assert.Empty(read.Calls); // the guest wrote memory, and a device read it
        Assert.Equal(4, Walk(run, read.Walk!).Count(s => (string?)s["stage"] == "First" && s["entry"] is not null));
        Next(run, 2);
        Assert.StartsWith("device 1 asks for 0x5000", (string?)Picture(run)["request"], StringComparison.Ordinal);
        LessonResult stale = Next(run, 1);
        Assert.Contains(Walk(run, stale.Walk!), s => (bool)s["isKept"]!);
        LessonResult invalidated = Next(run, 1);
        Assert.Contains(invalidated.Calls, c => c.Text.Contains("IOMMU_HWPT_INVALIDATE", StringComparison.Ordinal));
        LessonResult gone = Next(run, 1);
        Assert.True((bool)Walk(run, gone.Walk!)[^1]["isFault"]!);
        Assert.Equal(0, (int)Objects(run, "ioas").Single()["mapCount"]!);
    }

    [Fact]
    public void TheSvaLessonBindsTwoProcessesAndDetachesOne()
    {
        const string Dsa = "1000:00:05.0";
        using LessonRun run = Begin("sva");
        Next(run, 3);
        Assert.Empty(Attachments(run, Dsa));
        Next(run, 1);
        var bound = Picture(run)["processes"]!.AsArray().Select(p => ((uint)p!["pasid"]!, (uint)p["hwpt"]!));
        Assert.Equal(bound, Attachments(run, Dsa).Select(a => ((uint)a["pasid"]!, (uint)a["hwpt"]!)));
        Next(run, 2);
        Assert.StartsWith("Device 1, PASID 1 asks for 0x7f1234011000", (string?)Picture(run)["request"],
            StringComparison.Ordinal);
        LessonResult stale = Next(run, 1);
        Assert.Contains(Walk(run, stale.Walk!), s => (bool)s["isKept"]!);
        LessonResult invalidated = Next(run, 1);
        Assert.DoesNotContain(Walk(run, invalidated.Walk!), s => (bool)s["isKept"]!);
        Assert.Null(Picture(run)["stale"]);
        Next(run, 2);
        Assert.Equal([1u], Attachments(run, Dsa).Select(a => (uint)a["pasid"]!));
        Assert.False((bool)Picture(run)["processes"]![1]!["attached"]!);
    }

    [Fact]
    public void TheMdevLessonCreatesAndRemoves()
    {
        using LessonRun run = Begin("mdev");
        Next(run, 1);
        Assert.Empty(run.Lesson.Machine.Mdevs);
        LessonResult created = Next(run, 1);
        Assert.Equal(MdevPart.Uuid, run.Lesson.Machine.Mdevs.Single().Uuid.ToString());
        Assert.Contains(created.Calls,
            c => c.IsCall && c.Text.Contains($"dmatest-1ch/create>, \"{MdevPart.Uuid}\"", StringComparison.Ordinal));
        Next(run, 3);
        Assert.Equal(1, (int)Objects(run, "ioas").Single()["mapCount"]!);
        Next(run, 1);
        FaultRecord fault = Assert.Single(run.Lesson.Machine.Units.First().Faults.Snapshot());
        Assert.Equal((MdevPart.Parent, FaultReason.NotMapped), (fault.Device.ToString(), fault.Reason));
        Assert.NotNull(fault.Pasid);
        Next(run, 1);
        Assert.Empty(run.Lesson.Machine.Mdevs);
    }

    [Fact]
    public void TheVdpaLessonReadsTheDisksNameAndIsRefused()
    {
        using LessonRun run = Begin("vdpa");
        Next(run, 5);
        Assert.Equal("ioasis", (string?)Picture(run)["vdpa"]!["answer"]);
        Assert.Equal(2, (int)Objects(run, "ioas").Single()["mapCount"]!);
        LessonWalk data = run.Done[^1].Walk!;
        Assert.Contains("mapping 0x200000-0x200fff, write", (string?)Walk(run, data)[^1]["says"],
            StringComparison.Ordinal);
        Next(run, 1);
        Assert.Equal("nothing is mapped there", (string?)Walk(run, data)[^1]["says"]);
        Assert.Equal(FaultReason.NotMapped, Assert.Single(run.Lesson.Machine.Units.First().Faults.Snapshot()).Reason);
        Next(run, 1);
        Assert.Empty(Objects(run, "ioas"));
    }

    [Fact]
    public void OneUnmapStopsAllThreeConsumers()
    {
        using LessonRun run = Begin("consumers");
        Next(run, 5);
        uint ioas = (uint)Picture(run)["ioas"]!;
        Assert.Equal(3, Objects(run, "device").Count());
        Assert.All(Objects(run, "hwpt_paging"), h => Assert.Equal(ioas, (uint)h["ioas"]!));
        Assert.Empty(run.Lesson.Machine.Units.First().Faults.Snapshot());
        LessonResult stopped = Next(run, 1);
        Assert.Single(stopped.Calls, c => c.Text.Contains("IOMMU_IOAS_UNMAP", StringComparison.Ordinal));
        string[] refused = [.. stopped.Calls.Where(c => !c.IsCall).Select(c => c.Text.Split(' '))
            .Where(words => words[0] == "io_page_fault").Select(words => words[2])];
        Assert.Equal(["device=1000:00:04.0", "device=1000:00:05.0", "device=disk0"], refused.Order());
    }

    [Fact]
    public void AStepThatFailsSaysWhyAndEndsTheLesson()
    {
        using var run = new LessonRun(new Failing());
        run.Next(0);
        Assert.Equal("\"Fail\" failed. It was to be that two is three, and it is not.",
            Assert.Throws<LessonException>(() => run.Next(1)).Message);
        Assert.Contains("begin the lesson anew", Assert.Throws<LessonException>(() => run.Next(1)).Message,
            StringComparison.Ordinal);
        Assert.Single(run.Done);
    }

    [Fact]
    public void ThereAreFewPlacesAndTheOneThatWasUsedLongestAgoIsGivenUp()
    {
        using var book = new LessonBook();
        string[] ids = [.. Enumerable.Range(0, LessonBook.Places).Select(_ => book.Begin("dma"))];
        LessonPlace last = book.Find(ids[^1])!;
        string fifth = book.Begin("mdev");
        Assert.NotNull(book.Find(fifth));
        Assert.Equal(LessonBook.Places - 1, ids.Count(id => book.Find(id) is not null));
        last.Leave();
        Assert.Throws<NoProgramException>(() => last.Ask(new ControlRequest("state")));
        Assert.Null(book.Find(ids[^1]));
    }

    private static LessonRun Begin(string name)
    {
        Lesson lesson = (Lesson)Activator.CreateInstance(LessonBook.All.First(l => l.Name == name).GetType())!;
        return new LessonRun(lesson);
    }

    private static LessonResult Next(LessonRun run, int steps)
    {
        LessonResult? last = null;
        for (int i = 0; i < steps; i++) last = run.Next(run.Done.Count);
        return last!;
    }

    private static JsonNode Picture(LessonRun run) => JsonSerializer.SerializeToNode(run.Picture)!;

    private static JsonNode State(LessonRun run) => JsonNode.Parse(run.Ask(new ControlRequest("state")).Span)!;

    private static IEnumerable<JsonNode> Objects(LessonRun run, string kind) =>
        from context in State(run)["contexts"]!.AsArray()
        from one in context!["objects"]!.AsArray()
        where (string?)one!["kind"] == kind
        select one;

    private static JsonNode[] Attachments(LessonRun run, string device) =>
        [.. State(run)["devices"]!.AsArray().Single(d => (string?)d!["device"] == device)!["attachments"]!.AsArray()!];

    private static JsonNode[] Walk(LessonRun run, LessonWalk walk)
    {
        ulong address = Convert.ToUInt64(walk.Address[2..], 16);
        ControlAnswer answer = JsonSerializer.Deserialize<ControlAnswer>(
            run.Ask(new ControlRequest("walk", walk.Device, walk.Pasid, address, walk.Write)).Span)!;
        return [.. JsonSerializer.SerializeToNode(answer.Steps, s_line)!.AsArray()!];
    }

    private static readonly JsonSerializerOptions s_line = Ioasis.Diagnostics.DiagnosticsJson.Line;

    private sealed class Failing : Lesson
    {
        internal override string Name => "failing";

        internal override string Title => "Failing";

        internal override string About => "";

        internal override IReadOnlyList<LessonStep> Steps =>
        [
            new("Open", "", "", () => IommuContext.Open(NodeTransport.InProcess(Machine)).Dispose(), () => "Open."),
            new("Fail", "", "", () => Must(2 == Machine.Devices.Count + 1, "two is three"), () => "Never."),
        ];

        internal override object Picture => new { };

        public override void Dispose()
        {
        }
    }
}
