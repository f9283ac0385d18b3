using System.Text;
using System.Text.Json.Nodes;
using Ioasis.Diagnostics.Check;
using Ioasis.Diagnostics.Report;
using Ioasis.Host.Control;
using Ioasis.Machine;
using Ioasis.Machine.Description;

namespace Ioasis.Tests.Diagnostics;

/// <summary>Who asks a checked program gets its findings, those that come as well.</summary>
public sealed class FindingsTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly SoftwareMachine _machine = SoftwareMachine.Create(MachineDescription.Default);
    private readonly FindingList _findings = new();
    private readonly ControlAnswers _answers;

    public FindingsTests() => _answers = new ControlAnswers(_machine, 7, ["program"], _findings);

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void TheFindingsSoFarAreListedWithTheirPlacesAndReports()
    {
        Assert.Empty(Ask(_answers, "{\"Verb\":\"findings\"}")["Findings"]!.AsArray());
        _findings.Add(Found("write at IOVA 0x1000") with
        {
            Place = new FindingPlace("1000:00:04.0", Pasid: 3, Iova: 0xffff_ffff_ffff_f000),
        });
        JsonNode one = Ask(_answers, "{\"Verb\":\"findings\"}")["Findings"]!.AsArray().Single()!;
        Assert.Equal((1L, "leak", "write at IOVA 0x1000"),
            ((long)one["Sequence"]!, (string)one["Kind"]!, (string)one["What"]!));
        Assert.Equal(("1000:00:04.0", 3u, 0xffff_ffff_ffff_f000),
            ((string)one["Device"]!, (uint)one["Pasid"]!, (ulong)one["Address"]!));
        Assert.Equal(["first", "second"], one["Lines"]!.AsArray().Select(l => (string)l!));
    }

    [Fact]
    public void ASubscriberGetsThoseThatAreThereAndThoseThatCome()
    {
        _findings.Add(Found("one"));
        using IControlStream stream = Subscribe(_answers)!;
        List<byte[]> lines = [];
        Assert.True(stream.TryNext(s_patience, lines));
        var later = new Thread(() =>
        {
            _findings.Add(Found("two"));
            stream.Close();
        });
        later.Start();
        while (stream.TryNext(s_patience, lines))
        {
        }

        later.Join();
        Assert.Equal(["one", "two"],
            lines.Select(l => (string)JsonNode.Parse(l)!["what"]!));
    }

    [Fact]
    public void TheNewestAreKeptWithTheirNumbers()
    {
        for (int i = 1; i <= FindingList.Most + 5; i++) _findings.Add(Found($"{i}"));
        Assert.Equal((FindingList.Most, 6L, FindingList.Most + 5L),
            (_findings.All.Length, _findings.All[0].Sequence, _findings.All[^1].Sequence));
    }

    [Fact]
    public void AProgramThatIsNotCheckedHasNone()
    {
        var plain = new ControlAnswers(_machine, 7, ["program"]);
        Assert.Null(Ask(plain, "{\"Verb\":\"findings\"}")["Findings"]);
        Assert.Null(Subscribe(plain));
        Assert.Equal("the program is not checked: it runs without --check",
            (string)Ask(plain, "{\"Verb\":\"subscribe\",\"Kinds\":\"findings\"}")["Error"]!);
    }

    private static ReportedFinding Found(string what) =>
        new(CheckKind.All.Single(k => k.Name == "leak"), what, ["first", "second"], "source.c", 12);

    private static JsonNode Ask(ControlAnswers answers, string question) =>
        JsonNode.Parse(answers.Answer(Encoding.UTF8.GetBytes(question)))!;

    private static IControlStream? Subscribe(ControlAnswers answers) =>
        answers.Subscribe("{\"Verb\":\"subscribe\",\"Kinds\":\"findings\"}"u8.ToArray());
}
