using System.Text.RegularExpressions;

namespace Ioasis.EndToEnd;

/// <summary>
/// Mistakes of unmodified programs are found by <c>run --check</c>, and right programs are left alone.
/// </summary>
public sealed partial class CheckTests(Workbench bench)
{
    // With what IOASIS_CHECK says, for checks that are off by default; and the kind, if the mistake is not called so.
    private static readonly (string Mistake, string Options, string? Kind)[] s_mistakes =
    [
        ("dma-unmapped", "", null), ("dma-after-unmap", "", null), ("dma-after-detach", "", null),
        ("dma-no-permission", "", null), ("dma-into-freed-memory", "", null), ("dma-no-bus-master", "", null),
        ("ignored-errno", "", null), ("page-request-unanswered", "dma-after-detach=0", null),
        ("page-response-stray", "", null), ("unused-mapping", "unused-mapping=1", null),
        ("shared-writable", "shared-writable=1", null), ("leak", "leak=1", null),
        ("short-argsz", "short-argsz=1", null), ("group-status", "group-status=1", null),
        ("store-in-flight", "store-in-flight=1", null),
        ("store-in-short-flight", "store-in-flight=1", "store-in-flight"),
        ("store-in-file-in-flight", "store-in-flight=1", "store-in-flight"),
        ("device-left-running", "device-left-running=1", null),
        ("unmap-in-flight", "", null), ("drain-order", "", null),
        ("newer-uapi", "min_linux=6.8", null), ("newer-flag", "min_linux=6.6", "newer-uapi"),
        ("msi-without-eventfd", "msi-without-eventfd=1", null),
        ("msi-without-any-eventfd", "msi-without-eventfd=1", "msi-without-eventfd"),
        ("msi-in-configuration", "msi-without-eventfd=1", "msi-without-eventfd"),
    ];

    // What programs of these tests do wrong on purpose. All others are right.
    private static readonly (string Program, string[] Kinds)[] s_planted =
    [
        ("dmatest_mmio", ["dma-after-detach", "dma-no-bus-master", "dma-not-attached", "dma-unmapped"]),
        ("dmatest_pio", ["dma-after-detach", "dma-no-bus-master", "dma-not-attached", "dma-unmapped"]),
        ("dmatest_pio_static", ["dma-after-detach", "dma-no-bus-master", "dma-not-attached", "dma-unmapped"]),
        ("dmatest_msix", ["dma-unmapped"]),
        ("ioas_basic", ["dma-after-detach", "dma-after-unmap", "dma-no-permission", "dma-unmapped", "ignored-errno"]),
        ("threads", ["dma-after-unmap"]),
        ("in_flight", ["dma-after-detach", "dma-after-unmap", "dma-no-bus-master", "dma-unmapped"]),
        ("sva_pointers", ["dma-after-detach", "dma-unmapped"]),
        ("sva_lives", ["dma-unmapped"]),
        ("page_requests", ["dma-after-detach", "dma-unmapped", "page-request-unanswered"]),
        ("pasids", ["dma-after-detach", "dma-after-unmap", "dma-not-attached"]),
    ];

    public static IEnumerable<TheoryDataRow<Who, string, string, string>> Mistakes =>
        from who in Enum.GetValues<Who>()
        from mistake in s_mistakes
        select new TheoryDataRow<Who, string, string, string>(
            who, mistake.Mistake, mistake.Options, mistake.Kind ?? mistake.Mistake);

    public static IEnumerable<TheoryDataRow<string, string>> Programs =>
        ClientTests.Programs.Where(row => row.Data.Item1 == Who.Self)
            .Select(row => new TheoryDataRow<string, string>(row.Data.Item2, row.Data.Item3));

    [Theory]
    [MemberData(nameof(Mistakes))]
    public async Task A_mistake_is_found_and_the_same_program_without_it_is_right(
        Who who, string mistake, string options, string kind)
    {
        Dictionary<string, string> environment = new() { ["IOASIS_CHECK"] = options };
        Ending made = (await Check(who, environment, mistake)).MustEnd(99).MustSay($"{mistake}: made");
        Assert.Matches($@"(?m)^==[0-9]+==ERROR: Ioasis: {kind}: ", made.Error);
        Assert.Matches($@"(?m)^SUMMARY: Ioasis: {kind}", made.Error);
        Assert.Matches(@"(?m)^==[0-9]+==Ioasis: 1 finding$", made.Error);
        Ending right = await Check(who, environment, mistake, "right");
        Assert.DoesNotContain(": Ioasis", right.MustEnd().MustSay($"{mistake}: right").Error, StringComparison.Ordinal);
    }

    /// <summary>What a program does wrong on purpose, it does with a dmatest alone.</summary>
    [Theory]
    [MemberData(nameof(Programs))]
    public async Task Only_what_programs_do_wrong_on_purpose_is_found(string program, string arguments)
    {
        string[] planted = arguments.StartsWith(Machine.Edu, StringComparison.Ordinal)
            ? []
            : s_planted.SingleOrDefault(p => p.Program == program).Kinds ?? [];
        Ending ending = (await Execution.Run([
            bench.Launcher(Who.Self), "run", "--check", .. Machine.Devices.SelectMany(d => new[] { "--device", d }),
            "--", bench.Client(program), .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries),
        ])).MustEnd(planted.Length == 0 ? 0 : 99);
        Assert.Equal(planted, Kind().Matches(ending.Error).Select(m => m.Groups[1].Value).Distinct().Order());
    }

    [Fact]
    public async Task Options_say_what_becomes_of_a_finding()
    {
        string folder = await bench.Scratch(Who.Self), log = Path.Combine(folder, "log");
        string suppressions = Path.Combine(folder, "suppressions");
        Ending logged = await Check(Who.Self, Options($"exitcode=7:log_path={log}"), "dma-unmapped");
        Assert.Equal("", logged.MustEnd(7).Error);
        Assert.Contains("ERROR: Ioasis: dma-unmapped", await File.ReadAllTextAsync(
            Assert.Single(Directory.GetFiles(folder, "log.*")), TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
        await File.WriteAllTextAsync(
            suppressions, "dma-unmapped:0x201000 by *07:00.0\n", TestContext.Current.CancellationToken);
        (await Check(Who.Self, Options($"suppressions={suppressions}"), "dma-unmapped")).MustEnd();
        await File.WriteAllTextAsync(suppressions, "nonsense\n", TestContext.Current.CancellationToken);
        Assert.Contains("line 1: \"nonsense\" is no suppression",
            (await Check(Who.Self, Options($"suppressions={suppressions}"), "dma-unmapped")).MustEnd(2).Error,
            StringComparison.Ordinal);
        (await Check(Who.Self, Options("dma-unmapped=0"), "dma-unmapped")).MustEnd();
        Ending halted = (await Check(Who.Self, Options("halt_on_error=1"), "dma-unmapped", "waits")).MustEnd(99);
        Assert.DoesNotContain("made", halted.Output, StringComparison.Ordinal);

        static Dictionary<string, string> Options(string text) => new() { ["IOASIS_CHECK"] = text };
    }

    private Task<Ending> Check(Who who, Dictionary<string, string> options, params string[] program) => Execution.Run(
        [.. Workbench.As(who), bench.Launcher(who), "run", "--check", "--device", $"dmatest@{Machine.DmaTest}", "--",
            bench.Client("checked"), Machine.DmaTest, .. program], options);

    [GeneratedRegex("==ERROR: Ioasis: ([a-z-]+): ")]
    private static partial Regex Kind();
}
