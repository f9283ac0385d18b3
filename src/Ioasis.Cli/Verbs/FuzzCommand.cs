using System.CommandLine;
using System.Globalization;
using System.Text.RegularExpressions;
using Ioasis.Replay.Fuzz;

namespace Ioasis.Cli.Verbs;

/// <summary>
/// The command <c>fuzz</c>: plays sequences of calls from seeds under oracles, as a shard of a campaign.
/// </summary>
internal static partial class FuzzCommand
{
    private const int SomeFailed = 1, MostSeconds = 30 * 24 * 60 * 60, MostCalls = 1_000_000;

    internal static Command Of(TextWriter output, TextWriter error)
    {
        var fuzz = new Command("fuzz",
            "Plays sequences of calls that are made from seeds, and looks after each call whether what must hold does "
            + "(docs/fuzzing.md).\n  fuzz merge joins the results of shards.");
        var shard = new Option<string>("--shard")
        {
            HelpName = "I/N",
            Description = "Plays every N-th seed from the I-th on; I is 0 to N-1. Default: 0/1, which is all.",
            DefaultValueFactory = _ => "0/1",
        };
        var seconds = new Option<int>("--seconds")
        {
            HelpName = "S",
            Description = "Begins no further seed after so many seconds. Default: 60.",
            DefaultValueFactory = _ => 60,
        };
        var seed = new Option<int>("--seed")
        {
            HelpName = "FIRST",
            Description = "The first seed of all shards. Default: 1.",
            DefaultValueFactory = _ => 1,
        };
        var seeds = new Option<int?>("--seeds")
        {
            HelpName = "COUNT",
            Description = "Plays no more than so many seeds.",
        };
        var calls = new Option<int>("--calls")
        {
            HelpName = "COUNT",
            Description = "How many calls each seed has. Default: 8000.",
            DefaultValueFactory = _ => 8000,
        };
        var file = new Option<string>("-o")
        {
            HelpName = "FILE",
            Description = "Where the result is written. Default: fuzz-I-of-N.json.",
        };
        foreach (Option option in (Option[])[shard, seconds, seed, seeds, calls, file]) fuzz.Add(option);
        fuzz.SetAction(parsed =>
        {
            if (!TryReadShard(parsed.GetValue(shard)!, out int index, out int count))
                return CommandLine.Refuse(error, $"--shard is I/N with I from 0 to N-1, such as 0/8, not "
                    + $"{parsed.GetValue(shard)}");
            if (parsed.GetValue(seconds) is < 1 or > MostSeconds)
                return CommandLine.Refuse(error,
                    $"--seconds is 1 to {MostSeconds}, not {parsed.GetValue(seconds)}");
            if (parsed.GetValue(seed) is < 0 or > int.MaxValue / 2)
                return CommandLine.Refuse(error,
                    $"--seed is 0 to {int.MaxValue / 2}, not {parsed.GetValue(seed)}");
            if (parsed.GetValue(seeds) is < 1)
                return CommandLine.Refuse(error, $"--seeds is at least 1, not {parsed.GetValue(seeds)}");
            if (parsed.GetValue(calls) is < 2 or > MostCalls)
                return CommandLine.Refuse(error, $"--calls is 2 to {MostCalls}, not {parsed.GetValue(calls)}");
            var run = new FuzzShard
            {
                Index = index,
                Count = count,
                FirstSeed = parsed.GetValue(seed),
                Time = TimeSpan.FromSeconds(parsed.GetValue(seconds)),
                MostSeeds = parsed.GetValue(seeds),
                CallsPerSeed = parsed.GetValue(calls),
            };
            return Try(error, () =>
            {
                FuzzResult result = run.Run(failure => Write(failure, output));
                result.Write(parsed.GetValue(file) ?? $"fuzz-{index}-of-{count}.json");
                return result;
            }, output);
        });
        fuzz.Add(Merge(output, error));
        return fuzz;
    }

    private static Command Merge(TextWriter output, TextWriter error)
    {
        var merge = new Command("merge", "Joins the results of the shards of one campaign.");
        var files = new Argument<string[]>("files")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = "The results.",
        };
        var file = new Option<string>("-o")
        {
            HelpName = "FILE",
            Description = "Where the result of all is written. Default: nowhere.",
        };
        merge.Add(files);
        merge.Add(file);
        merge.SetAction(parsed => parsed.GetValue(files) is not [_, ..]
            ? CommandLine.Refuse(error, "fuzz merge needs results, as in: ioasis fuzz merge fuzz-*.json")
            : Try(error, () =>
            {
                FuzzResult result = FuzzResult.Merge([.. parsed.GetValue(files)!.Select(FuzzResult.Read)]);
                if (parsed.GetValue(file) is { } path) result.Write(path);
                foreach (FuzzFailure failure in result.Failures) Write(failure, output);
                return result;
            }, output, all: true));
        return merge;
    }

    private static int Try(TextWriter error, Func<FuzzResult> run, TextWriter output, bool all = false)
    {
        FuzzResult result;
        try
        {
            result = run();
        }
        catch (IOException e)
        {
            return CommandLine.Refuse(error, e.Message);
        }

        string missing = all && result.Missing.Any() ? $", no result of shard {string.Join(", ", result.Missing)}" : "";
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{result.Seeds} seeds, {result.Calls} calls, {result.Pairs} kinds of answer, "
            + $"{result.Failures.Count} failures{missing}"));
        return result.Failures.Count == 0 && missing.Length == 0 ? 0 : SomeFailed;
    }

    private static void Write(FuzzFailure failure, TextWriter output)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"seed {failure.Seed}, {failure.Kind}: {failure.Oracle}: {failure.What}"));
        foreach (string call in failure.Calls) output.WriteLine($"  {call}");
    }

    private static bool TryReadShard(string text, out int index, out int count)
    {
        (index, count) = (0, 0);
        return ShardText().Match(text) is { Success: true } match
            && int.TryParse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture, out index)
            && int.TryParse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture, out count) && index < count;
    }

    [GeneratedRegex("^([0-9]{1,6})/([0-9]{1,6})$")]
    private static partial Regex ShardText();
}
