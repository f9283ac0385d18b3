using System.Globalization;

namespace Ioasis.EndToEnd;

/// <summary>
/// Devices on programs' own pointers: what they can reach, until when, and what is left of a program that was killed.
/// </summary>
public sealed class SvaTests(Workbench bench)
{
    private const int Programs = 1000;
    private const string Strict = "--strict-sva";

    /// <summary>
    /// How many accesses devices make while memory is taken away under them; IOASIS_SVA_ACCESSES says another number.
    /// </summary>
    private static readonly string s_accesses = Environment.GetEnvironmentVariable("IOASIS_SVA_ACCESSES") ?? "10000000";

    [Theory]
    [InlineData(Who.Self, "sva_pointers")]
    [InlineData(Who.Nobody, "sva_pointers")]
    [InlineData(Who.Self, "sva_lives")]
    [InlineData(Who.Nobody, "sva_lives")]
    [InlineData(Who.Self, "sva_stops")]
    [InlineData(Who.Nobody, "sva_stops")]
    public async Task With_the_option_programs_find_everything_as_without(Who who, string program) =>
        (await Execution.Run(UnderStrict(who, bench.Client(program), Machine.DmaTest)))
        .MustEnd().MustSay($"{program}: all as it must be");

    [Fact]
    public async Task With_the_option_no_access_is_under_way_when_memory_has_been_taken_away() =>
        (await Execution.Run(UnderStrict(Who.Self, bench.Client("sva_unmap"), Machine.DmaTest, Machine.OtherDmaTest,
            s_accesses, "strict")))
            .MustEnd().MustSay("sva_unmap: no late write");

    /// <summary>That there are late writes shows that the test above would see them.</summary>
    [Fact]
    public async Task Without_it_an_access_finishes_on_the_page_that_it_began_on() =>
        (await Execution.Run(bench.UnderIoasis(Who.Self, Machine.Devices, bench.Client("sva_unmap"), Machine.DmaTest,
            Machine.OtherDmaTest, "1000000", "lax")))
            .MustEnd().MustSay("sva_unmap: late writes, each on its page");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Killed_at_any_moment_programs_leave_nothing_behind(bool strict)
    {
        string[] program = [bench.Client("sva_killed"), Machine.DmaTest, Machine.OtherDmaTest];
        using Execution execution = Execution.Start(
            strict ? UnderStrict(Who.Self, program) : bench.UnderIoasis(Who.Self, Machine.Devices, program));

        async Task<Held> Order(int count)
        {
            await execution.Say(string.Create(CultureInfo.InvariantCulture, $"{count}\ncheck\n"));
            await execution.Hear("done");
            await execution.Hear("done");
            return Held.By(execution.Id);
        }

        Held before = await Order(20); // what is made once and kept is there from now on
        Held after = await Order(strict ? Programs / 10 : Programs);
        // The last program's own close may still be on its way: another program's turn is the event to wait for.
        for (int i = 0; i < 50 && !after.IsNoMoreThan(before); i++) after = await Order(2);
        Assert.True(after.IsNoMoreThan(before), $"expected no more than {before}, came {after}");
        (await execution.End()).MustEnd();
    }

    private string[] UnderStrict(Who who, params string[] program)
    {
        string[] words = bench.UnderIoasis(who, Machine.Devices, program);
        int end = Array.IndexOf(words, "--");
        return [.. words[..end], Strict, .. words[end..]];
    }

    /// <summary>
    /// What a supervisor holds of programs: descriptors (PID and thread files among them), threads, and files of theirs
    /// that it has mapped.
    /// </summary>
    private sealed record Held(int Descriptors, int Threads, int Mappings)
    {
        // The threads that serve calls and those of the runtime come and go by a few.
        private const int Play = 8;

        public static Held By(int process) => new(
            OpenDescriptors.Of(process).Length,
            Directory.EnumerateDirectories($"/proc/{process}/task").Count(),
            File.ReadLines($"/proc/{process}/maps").Count(line =>
                // that is where .NET puts code
                line.Contains("/memfd:", StringComparison.Ordinal)
                && !line.Contains("doublemapper", StringComparison.Ordinal)));

        public bool IsNoMoreThan(Held other) =>
            Descriptors <= other.Descriptors && Mappings <= other.Mappings && Threads <= other.Threads + Play;
    }
}
