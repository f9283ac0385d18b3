using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Globalization;
using Ioasis.Cli.Demo;
using Ioasis.Cli.FailNth;
using Ioasis.Cli.Manual;
using Ioasis.Core.Injection;
using Ioasis.Diagnostics.Injection;
using Ioasis.Host;
using Ioasis.Host.Control;
using Ioasis.Machine;
using Ioasis.Machine.Description;

namespace Ioasis.Cli.Verbs;

/// <summary>The commands and their options. A wrong command line gets a one-sentence error and exit code 2.</summary>
internal static partial class CommandLine
{
    private const int WouldFault = 1, UsageError = 2, NoProgram = 3; // docs/commands.md

    internal static int Invoke(string[] arguments) => Invoke(arguments, Console.Out, Console.Error);

    internal static int Invoke(string[] arguments, TextWriter output, TextWriter error)
    {
        var program = new ProgramWords();
        RootCommand root = HelpWords.Prepare(Build(program, output, error));
        VersionView.AddTo(root, output);
        string[] ours = HelpWords.Translate(program.Take(root, arguments, out string? complaint));
        if (complaint is not null) return Refuse(error, complaint);
        if (HelpWords.UnknownCommand(ours, root) is { } unknown) return Refuse(error, Unknown(unknown, root));
        ParseResult parsed = root.Parse(ours, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0 && parsed.Action is ParseErrorAction) return Refuse(error, Complaint(parsed));
        if (program.Words is not null && !TakesProgram(parsed.CommandResult.Command))
            return Refuse(error, "only run, trace and record take a program after --");
        return parsed.Invoke(new InvocationConfiguration
        {
            Output = output,
            Error = error,
            EnableDefaultExceptionHandler = false
        });
    }

    /// <summary>Runs a program on a machine.</summary>
    /// <param name="description">The machine.</param>
    /// <param name="options">The program.</param>
    /// <param name="observe">Begins to observe the machine before the program runs; null for nobody.</param>
    /// <param name="injector">What goes wrong; null for nothing.</param>
    /// <param name="measure">Begins to measure the machine; null for nobody.</param>
    internal static int Run(
        MachineDescription description, RunOptions options, Func<SoftwareMachine, IDisposable?>? observe = null,
        Injector? injector = null, Func<SoftwareMachine, IDisposable>? measure = null)
    {
        ErrorOutput.Prepare();
        try
        {
            using SoftwareMachine machine = SoftwareMachine.Create(description, injector);
            if (InjectionOption.Prepare(injector, machine) is { } wrong) return Refuse(Console.Error, wrong);
            using IDisposable? metrics = measure?.Invoke(machine);
            using IDisposable? observer = observe?.Invoke(machine);
            return Supervisor.Run(machine, options);
        }
        catch (IOException e) when (measure is not null && e is not FileNotFoundException and not FileLoadException)
        {
            ErrorOutput.Say(e.Message); // nobody can ask for the metrics
            return ExitCodes.Failed;
        }
        catch (Exception e) when (
            e is FileNotFoundException or FileLoadException or OutOfMemoryException or TypeInitializationException)
        {
            // The runtime throws these, anywhere, when it has no descriptor left to load an assembly; even while the
            // machine is disposed.
            ErrorOutput.Say("too few descriptors or too little memory on this host to run a program (see ulimit -a): "
                + e.Message.ReplaceLineEndings(" "));
            return ExitCodes.Failed;
        }
    }

    internal static RootCommand Build(ProgramWords program, TextWriter output, TextWriter error)
    {
        var run = new Command("run",
            "Runs a program, as in: ioasis run [--machine FILE] [--device MODEL[@BDF]]... [--] PROGRAM ARGS...\n"
            + "  What the program does with /dev/iommu and VFIO devices goes to the machine's software IOMMU.");
        var runMachine = new MachineOptions(run);
        var strictSva = new Option<bool>("--strict-sva")
        {
            Description = "Makes munmap, mprotect and the like wait until devices that are bound to the process have "
                + "ended the accesses under way (docs/uapi.md).",
        };
        run.Add(strictSva);
        var account = new Option<string>("--account")
        {
            Description = "Writes at the end to this file which calls on the nodes were served, how often, and with "
                + "what result.",
            HelpName = "FILE",
        };
        run.Add(account);
        var checks = new CheckArguments(run);
        Option<string[]> inject = InjectionOption.ForRun();
        run.Add(inject);
        var timeout = new Option<string>("--timeout")
        {
            HelpName = "TIME",
            Description = "Kills the program and all that it started after 60s, 5m or 1h; exit code 124.",
        };
        run.Add(timeout);
        var seed = new Option<ulong?>("--seed")
        {
            HelpName = "N",
            Description = "The seed of -e rules with a probability that have none. Default: 0.",
        };
        run.Add(seed);
        var livesOn = new Option<bool>("--no-kill-on-exit")
        {
            Description = "If ioasis itself is killed, its programs run on without devices. Default: they are killed.",
        };
        run.Add(livesOn);
        var metrics = new MetricsOption(run);
        Option<string?> web = WebCommand.ForRun();
        run.Add(web);
        var failNth = new FailNthArguments(run);
        var words = new Argument<string[]>("words") { Arity = ArgumentArity.ZeroOrMore, Hidden = true };
        run.Add(words);
        run.SetAction(parsed => OnMachine(parsed, runMachine, error, description =>
        {
            if (parsed.GetValue(words) is [string word, ..]) return Refuse(error, Unknown(word, run));
            if (program.Words is not [string name, .. string[] rest])
                return Refuse(error, "run needs a program, as in: ioasis run lspci");
            if (InjectionRules.TryRead(parsed.GetValue(inject) ?? [], out InjectionRules? injection,
                parsed.GetValue(seed) ?? 0) is { } wrong) return Refuse(error, wrong);
            if (WebCommand.TryRead(parsed, web, out int? port) is { } noPort) return Refuse(error, noPort);
            TimeSpan limit = default;
            if (parsed.GetValue(timeout) is { } time && !RunTime.TryRead(time, out limit))
                return Refuse(error, $"--timeout is a time such as 60s, 5m or 1h, up to 24d, not {time}");
            var options = new RunOptions
            {
                Program = name,
                Arguments = rest,
                StrictSva = parsed.GetValue(strictSva),
                AccountFile = parsed.GetValue(account),
                KillsOnExit = !parsed.GetValue(livesOn),
                Timeout = limit == default ? null : limit,
                WebPort = port,
            };
            if (metrics.TryRead(parsed, out Func<SoftwareMachine, IDisposable>? measure) is { } unclear)
                return Refuse(error, unclear);
            if (failNth.IsGiven(parsed))
            {
                return checks.IsGiven(parsed) || injection is not null || measure is not null || port is not null
                    ? Refuse(error, "a run of which calls fail in turn takes no --check, --metrics, --web or -e")
                    : failNth.Run(parsed, output, error, description, options);
            }

            return checks.Run(parsed, error, description, options, injection, measure);
        }));

        var devices = new Command("devices", "Lists the machine's devices.");
        var devicesMachine = new MachineOptions(devices);
        var json = new Option<bool>("--json") { Description = "As JSON (ioasis schema devices)." };
        var inFull = new Option<bool>("-v") { Description = "Regions, capabilities, driver and node of each device." };
        var tree = new Option<bool>("-t") { Description = "As a tree of units, groups and devices." };
        foreach (Option option in (Option[])[json, inFull, tree]) devices.Add(option);
        devices.SetAction(parsed =>
        {
            Option<bool>[] given = [.. ((Option<bool>[])[json, inFull, tree]).Where(o => parsed.GetValue(o))];
            if (given.Length > 1) return Refuse(error, $"{given[0].Name} and {given[1].Name} exclude each other");
            return OnMachine(parsed, devicesMachine, error, description =>
            {
                using SoftwareMachine machine = SoftwareMachine.Create(description);
                Action<SoftwareMachine, TextWriter> write = given switch
                {
                    [var one] when one == json => DeviceList.WriteJson,
                    [var one] when one == inFull => DeviceList.WriteInFull,
                    [_] => DeviceList.WriteTree,
                    _ => DeviceList.Write,
                };
                write(machine, output);
                return 0;
            });
        });

        var demo = new Command("demo",
            "Shows translation, faults and unmapping on a machine within this process, and checks each.\n"
            + "  demo nested: a guest's page tables. demo vsva: a device that uses pointers of a guest's processes.");
        var demoJson = new Option<bool>("--json") { Description = "As JSON (ioasis schema demo).", Recursive = true };
        demo.Add(demoJson);
        demo.SetAction(parsed => DemoRun.ToConsole(parsed.GetValue(demoJson)));
        var nested = new Command(
            "nested", "The same for dual-stage translation: a guest's page tables over its host's mappings.");
        nested.SetAction(parsed => NestedDemo.ToConsole(parsed.GetValue(demoJson)));
        demo.Add(nested);
        var vsva = new Command("vsva",
            "The same for shared virtual addressing: a device uses the pointers of a guest's processes.");
        vsva.SetAction(parsed => VsvaDemo.ToConsole(parsed.GetValue(demoJson)));
        demo.Add(vsva);

        return new RootCommand("Ioasis, the IOMMU in user space.")
        {
            run, TraceCommand.Of(program, output, error), RecordCommand.Of(program, error),
            ReplayCommand.Of(output, error), devices, demo,
            Walk(output, error), Faults(output, error), Ps(output, error), State(output, error),
            WebCommand.Of(error),
            FuzzCommand.Of(output, error), DoctorCommand.Of(output), CflagsCommand.Of(output, error),
            Bench(error), SchemaCommand.Of(output, error), ManualCommands.Man(output),
            ManualCommands.Completion(output, error)
        };
    }

    /// <summary>Whether a program and its arguments follow a command.</summary>
    internal static bool TakesProgram(Command command) => command.Name is "run" or "trace" or "record";

    /// <summary>Benchmarks are not installed. In a source tree, the launcher handles this command itself.</summary>
    private static Command Bench(TextWriter error)
    {
        var bench = new Command(
            "bench", "Measures this machine beside C (only in a source tree; see bench --help).");
        bench.SetAction(_ => Refuse(error, "bench works only in a source tree: ./ioasis bench"));
        return bench;
    }

    private static Command Faults(TextWriter output, TextWriter error)
    {
        var faults = new Command("faults", "Shows the newest faults of a running program's devices.");
        Option<int?> program = WhichProgram();
        var json = new Option<bool>("--json") { Description = "As JSON." };
        var follow = new Option<bool>("--follow", "-f")
        {
            Description = "Goes on with each fault that comes, until the program ends; as JSON, one line for each.",
        };
        faults.Add(program);
        faults.Add(json);
        faults.Add(follow);
        faults.SetAction(parsed => parsed.GetValue(follow)
            ? Try(error, () => ControlClient.Follow(
                parsed.GetValue(program), new ControlRequest("subscribe", Kinds: "faults"),
                line => WalkView.WriteOne(line, parsed.GetValue(json), output)))
            : Ask(parsed.GetValue(program), new ControlRequest("faults"), error, answer =>
            {
                WalkView.Write(answer.Faults ?? [], parsed.GetValue(json), output);
                return 0;
            }));
        return faults;
    }

    private static Command Ps(TextWriter output, TextWriter error)
    {
        var ps = new Command("ps", "Lists the programs that run under ioasis run, of this user.");
        var json = new Option<bool>("--json") { Description = "As JSON." };
        ps.Add(json);
        ps.SetAction(parsed => Try(error, () =>
            StateView.Write(ControlClient.Programs(), parsed.GetValue(json), output)));
        return ps;
    }

    private static int Try(TextWriter error, Action act) => Try(error, () =>
    {
        act();
        return 0;
    });

    private static int Try(TextWriter error, Func<int> act)
    {
        try
        {
            return act();
        }
        catch (NoProgramException e)
        {
            return RefuseProgram(error, e);
        }
        catch (IOException e)
        {
            return Refuse(error, e.Message);
        }
    }

    private static Option<int?> WhichProgram() => new("--program")
    {
        HelpName = "PID",
        Description = "The program, if several are running.",
    };

    private static int Ask(int? program, ControlRequest request, TextWriter error, Func<ControlAnswer, int> show) =>
        Try(error, () =>
        {
            ControlAnswer answer = ControlClient.Ask(program, request);
            return answer.Error is { } wrong ? throw new IOException(wrong) : show(answer);
        });

    private static bool TryParse(string text, out ulong value) => text.StartsWith("0x", StringComparison.Ordinal)
        ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)
        : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    internal static int OnMachine(
        ParseResult parsed, MachineOptions options, TextWriter error, Func<MachineDescription, int> act)
    {
        try
        {
            return act(options.Describe(parsed));
        }
        catch (MachineDescriptionException wrong)
        {
            return Refuse(error, wrong.Message);
        }
    }

    /// <summary>The error for a wrong command line: the wrong value, and what is expected.</summary>
    private static string Complaint(ParseResult parsed)
    {
        Command command = parsed.CommandResult.Command;
        if (parsed.UnmatchedTokens is [string word, ..]) return Unknown(word, command);
        if (command is RootCommand)
            return $"missing command; expected one of: {string.Join(", ", command.Subcommands.Select(c => c.Name))}";
        if (parsed.Errors[0].SymbolResult is OptionResult { Option: { HelpName: { } value } option } given)
        {
            return given.Tokens.Count == 0 ? $"{option.Name} needs a value: {option.Name} {value}"
                : given.IdentifierTokenCount > 1 ? $"{option.Name} given {(given.IdentifierTokenCount == 2 ? "twice"
                    : $"{given.IdentifierTokenCount} times")}"
                : $"{option.Name} takes {Expected(option)}, not \"{given.Tokens[^1].Value}\"";
        }

        return $"{parsed.Errors[0].Message.TrimEnd('.')}; see ioasis {command.Name} --help";
    }

    /// <summary>What the value of an option is that is no number of its kind.</summary>
    private static string Expected(Option option) => option.HelpName switch
    {
        "PID" => "a process ID",
        _ when option.ValueType == typeof(uint?) => $"a number from 0 to {uint.MaxValue}",
        _ => "a number",
    };

    internal static string Unknown(string word, Command command)
    {
        if (command is RootCommand)
        {
            string[] names = [.. command.Subcommands.Select(c => c.Name)];
            string guess = HelpWords.Nearest(word, names) is { } near ? $"did you mean {near}? Expected" : "expected";
            return $"unknown command \"{word}\"; {guess} one of: {string.Join(", ", names)}";
        }

        string options = string.Join(", ", [.. command.Subcommands.Select(c => c.Name),
            .. command.Options.Where(o => o is not HelpOption and not { Hidden: true }).Select(o => o.Name)]);
        return $"unknown argument \"{word}\" of {command.Name}; "
            + (options.Length > 0 ? $"expected one of: {options}" : "it takes none");
    }

    /// <summary>The error for a program that cannot be asked.</summary>
    internal static int RefuseProgram(TextWriter error, NoProgramException e)
    {
        Refuse(error, e.Message);
        return NoProgram;
    }

    internal static int Refuse(TextWriter error, string sentence)
    {
        error.WriteLine($"ioasis: {sentence}{(sentence.EndsWith('.') ? "" : ".")}");
        return UsageError;
    }
}
