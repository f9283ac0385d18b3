using System.CommandLine;
using System.Text.Json;
using Ioasis.Abi;
using Ioasis.Cli.Verbs;
using Ioasis.Diagnostics.FailNth;
using Ioasis.Host;
using Ioasis.Machine.Description;

namespace Ioasis.Cli.FailNth;

/// <summary>The options of <c>run</c> by which calls fail in turn.</summary>
internal sealed class FailNthArguments
{
    private const int MostSeconds = 24 * 60 * 60;

    private readonly Option<bool> _all = new("--fail-nth")
    {
        Description = "Runs the program again and again, each time with the next of its calls failing, and says in "
            + "which runs it leaked, hung, crashed or ignored the failure (docs/trace.md).",
    };

    private readonly Option<long?> _one = new("--fail-call")
    {
        HelpName = "N",
        Description = "Runs the program once, with call N failing: the run that --fail-nth calls N.",
    };

    private readonly Option<string> _calls = new("--fail-calls")
    {
        HelpName = "CALLS",
        Description = "Which calls can fail, as of -e inject=. Default: open,ioctl,mmap,vdpa.",
        DefaultValueFactory = _ => "open,ioctl,mmap,vdpa",
    };

    private readonly Option<string> _errno = new("--fail-errno")
    {
        HelpName = "ERRNO",
        Description = "The errno with which they fail. Default: ENOMEM.",
        DefaultValueFactory = _ => nameof(Errno.ENOMEM),
    };

    private readonly Option<int> _limit = new("--time-limit")
    {
        HelpName = "SECONDS",
        Description = "How long a run of --fail-nth may take before it counts as hung. Default: 60.",
        DefaultValueFactory = _ => 60,
    };

    // Where a run writes its FailNthReport.
    private readonly Option<string> _report = new("--fail-report") { HelpName = "FILE", Hidden = true };

    internal FailNthArguments(Command run)
    {
        foreach (Option option in (Option[])[_all, _one, _calls, _errno, _limit, _report]) run.Add(option);
    }

    /// <summary>Whether calls are to fail in turn.</summary>
    internal bool IsGiven(ParseResult parsed) =>
        parsed.GetValue(_all) || ((Option[])[_one, _calls, _errno, _limit]).Any(
            o => parsed.GetResult(o) is { Implicit: false });

    /// <summary>Runs the program, once or as often as it makes calls.</summary>
    internal int Run(ParseResult parsed, TextWriter output, TextWriter error, MachineDescription description,
        RunOptions run)
    {
        string calls = parsed.GetValue(_calls)!, errnoText = parsed.GetValue(_errno)!;
        int limit = parsed.GetValue(_limit);
        long? one = parsed.GetValue(_one);
        if (parsed.GetValue(_all) == one is not null)
        {
            return CommandLine.Refuse(error, one is null
                ? "--fail-calls, --fail-errno and --time-limit need --fail-nth or --fail-call"
                : "--fail-nth runs all that --fail-call runs one of");
        }

        if (FailNthWatch.Check(calls) is { } wrong) return CommandLine.Refuse(error, $"--fail-calls: {wrong}");
        if (!errnoText.StartsWith('E') || !Enum.TryParse(errnoText, out Errno errno))
            return CommandLine.Refuse(error, $"--fail-errno: \"{errnoText}\" is no errno such as ENOMEM");
        if (limit is < 1 or > MostSeconds)
            return CommandLine.Refuse(error, $"--time-limit is 1 to {MostSeconds} seconds, not {limit}");
        if (one < 0) return CommandLine.Refuse(error, $"--fail-call counts from 1, not {one}");
        if (one is { } number) return RunOne(description, run, new FailNthWatch(number, errno, calls),
            parsed.GetValue(_report));
        return new FailNthRuns(OptionsOf(parsed), run, TimeSpan.FromSeconds(limit), output, error).Run();
    }

    private static int RunOne(MachineDescription description, RunOptions run, FailNthWatch watch, string? report)
    {
        int code = CommandLine.Run(description, run, machine =>
        {
            machine.Observers.Add(watch);
            return null; // what is closed at last is watched, too
        }, watch.Injector);
        if (report is not null) File.WriteAllText(report, JsonSerializer.Serialize(watch.Report));
        return code;
    }

    /// <summary>The options that each run gets.</summary>
    private List<string> OptionsOf(ParseResult parsed)
    {
        List<string> options = [];
        bool isLimit = false;
        foreach (string word in parsed.Tokens.Select(t => t.Value))
        {
            if (!isLimit && word != _limit.Name && word != _all.Name) options.Add(word);
            isLimit = word == _limit.Name;
        }

        return options;
    }
}
