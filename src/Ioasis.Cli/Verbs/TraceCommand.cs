using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using Ioasis.Diagnostics.Injection;
using Ioasis.Diagnostics.Record;
using Ioasis.Diagnostics.Trace;
using Ioasis.Host;
using Ioasis.Host.Control;
using Ioasis.Host.Stacks;
using Ioasis.Machine;

namespace Ioasis.Cli.Verbs;

/// <summary>The command <c>trace</c>: runs a program and writes what it does, with strace's letters.</summary>
internal static class TraceCommand
{
    private const string ToStandardError = "/dev/stderr", RecordingEnd = ".ioasis";

    internal static Command Of(ProgramWords program, TextWriter standardOutput, TextWriter error)
    {
        var trace = new Command("trace",
            "Runs a program as run does, and writes its calls and what they cause, in strace's manner.");
        var machine = new MachineOptions(trace);
        var output = new Option<string>("-o")
        {
            HelpName = "FILE",
            Description = "Writes to this file; a recording if its name ends with .ioasis.",
        };
        var filter = new Option<string[]>("-e")
        {
            HelpName = $"trace=WORDS, or {InjectionOption.Form}",
            Description = "trace= traces only these: iommu, vfio, vdpa, sva, config, sysfs, mdev, dma, open, map, "
                + "attach, fault, inv, prq, irq, mmio, reset, inject. inject= makes something go wrong, as of run. "
                + "May be repeated.",
            Arity = ArgumentArity.OneOrMore,
        };
        var count = new Option<bool>("-c") { Description = "Counts the calls instead, by node, name and result." };
        var times = new Option<bool>("-t") { Description = "Begins each line with the seconds since the start." };
        var wall = new Option<bool>("-tt") { Description = "Begins each line with the time of day." };
        var apart = new Option<bool>("-ff") { Description = "Writes each process to a file of its own, FILE.PID." };
        var relative = new Option<bool>("-r")
        {
            Description = "Begins each line with the seconds since the line before.",
        };
        var durations = new Option<bool>("-T") { Description = "Ends each call with the seconds that it took." };
        var stacks = new Option<bool>("-k")
        {
            Description = "Follows each call with the program's stack (needs libdw on this host).",
        };
        var succeeded = new Option<bool>("-z") { Description = "Only calls that succeeded." };
        var failed = new Option<bool>("-Z") { Description = "Only calls that failed." };
        var json = new Option<bool>("--json") { Description = "Each line is an object of JSON (ioasis schema trace)." };
        var running = new Option<int?>("-p")
        {
            HelpName = "PID",
            Description = "Traces a program that runs under ioasis run, until it ends.",
        };
        var withMemory = new Option<bool>("--with-memory")
        {
            Description = "A recording has the pages that calls map, not only their hash.",
        };
        Option[] all =
        [
            withMemory, running, output, apart, filter, count, times, wall, relative, durations, stacks, succeeded,
            failed, json,
        ];
        foreach (Option option in all) trace.Add(option);
        trace.Add(ConvertCommand.Of(standardOutput, error));
        var misplaced = new Argument<string[]>("words") { Arity = ArgumentArity.ZeroOrMore, Hidden = true };
        trace.Add(misplaced);
        trace.SetAction(parsed => CommandLine.OnMachine(parsed, machine, error, description =>
        {
            if (parsed.GetValue(misplaced) is [string word, ..])
                return CommandLine.Refuse(error, CommandLine.Unknown(word, trace));
            string[] expressions = parsed.GetValue(filter) ?? [];
            string[] words = [.. expressions.Where(e => !InjectionRules.IsRule(e))];
            if (words.Length > 1) return CommandLine.Refuse(error, $"-e trace= given {words.Length} times");
            if (InjectionRules.TryRead(expressions.Where(InjectionRules.IsRule), out InjectionRules? injection)
                is { } mistake) return CommandLine.Refuse(error, mistake);
            var options = new TraceOptions
            {
                // What was asked to go wrong is always shown.
                Words = words.Length == 0 ? null : injection is null ? words[0] : words[0] + ",inject",
                Json = parsed.GetValue(json),
                Times = parsed.GetValue(times),
                WallTimes = parsed.GetValue(wall),
                RelativeTimes = parsed.GetValue(relative),
                Durations = parsed.GetValue(durations),
                Succeeded = parsed.GetValue(succeeded) ? true : parsed.GetValue(failed) ? false : null,
            };
            if (TraceFilter.TryRead(options.Words, out _) is { } wrong) return CommandLine.Refuse(error, wrong);
            string file = parsed.GetValue(output) ?? ToStandardError;
            bool counts = parsed.GetValue(count), isApart = parsed.GetValue(apart);
            bool records = file.EndsWith(RecordingEnd, StringComparison.Ordinal);
            if (parsed.GetValue(withMemory) && !records)
                return CommandLine.Refuse(error, "--with-memory needs a recording: -o FILE.ioasis");
            if (records && (options != new TraceOptions() || counts || isApart || parsed.GetValue(stacks)))
                return CommandLine.Refuse(error, "a recording has everything: -o FILE.ioasis takes no other option");
            if (isApart && (counts || parsed.GetValue(output) is null))
                return CommandLine.Refuse(error, "trace -ff needs -o FILE, and goes without -c");
            if (records && parsed.GetValue(running) is not null)
                return CommandLine.Refuse(error, "a recording begins with its program: -o FILE.ioasis takes no -p");
            try
            {
                if (parsed.GetValue(running) is { } pid)
                {
                    return program.Words is null && !counts && !isApart && injection is null && !parsed.GetValue(stacks)
                        ? Follow(pid, options, file)
                        : CommandLine.Refuse(error, "trace -p takes no program, no -c, no -k, no -ff and no "
                            + "-e inject=");
                }

                if (program.Words is not [string name, .. string[] rest])
                    return CommandLine.Refuse(error, "trace needs a program, as in: ioasis trace lspci");
                using CallStacks? found = parsed.GetValue(stacks) && !counts ? StacksFor(options) : null;
                var run = new RunOptions
                {
                    Program = name,
                    Arguments = rest,
                    AccountFile = counts ? file : null,
                    Stacks = found,
                };
                JsonObject recorded = records ? machine.ForRecording(parsed) : [];
                Func<SoftwareMachine, IDisposable> begin = records
                    ? made => new FileTrace(file, to => new Recorder(
                        made.Observers, made.NameOf, recorded, parsed.GetValue(withMemory), to, made.DeviceOf))
                    : made => new FileTrace(made, options, file, isApart, found);
                return CommandLine.Run(description, run, counts ? null : begin, injection);
            }
            catch (NoProgramException e)
            {
                return CommandLine.RefuseProgram(error, e);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return CommandLine.Refuse(error, e.Message);
            }
        }));
        return trace;
    }

    /// <summary>The stacks of the calls that are traced.</summary>
    private static CallStacks StacksFor(TraceOptions options)
    {
        _ = TraceFilter.TryRead(options.Words, out TraceFilter filter);
        return new CallStacks(filter.Has);
    }

    /// <summary>Writes the trace of a program that runs until it ends.</summary>
    private static int Follow(int program, TraceOptions options, string file)
    {
        using TextWriter output = Open(file);
        if (TraceLines.HeaderOf(options) is { } header) output.WriteLine(header);
        ControlClient.Follow(program, new ControlRequest("subscribe", Trace: options), line =>
        {
            output.WriteLine(Encoding.UTF8.GetString(line.Span));
            output.Flush();
        });
        return 0;
    }

    private static StreamWriter Open(string file) =>
        file == ToStandardError ? new StreamWriter(Console.OpenStandardError()) : new StreamWriter(file);

    /// <summary>A trace or a recording to a file.</summary>
    private sealed class FileTrace : IDisposable
    {
        private readonly IDisposable _output;
        private readonly IDisposable _tracer;

        internal FileTrace(string file, Func<TextWriter, IDisposable> begin)
        {
            TextWriter output = Open(file);
            _output = output;
            _tracer = begin(output);
        }

        internal FileTrace(
            SoftwareMachine machine, TraceOptions options, string file, bool isApart, CallStacks? stacks)
        {
            TextWriter first = Open(file);
            _output = first;
            // Before the trace, which asks for the stack of each call that it is told of.
            if (stacks is not null) machine.Observers.Add(stacks);
            Func<long, IReadOnlyList<string>?>? linesOf = stacks is null ? null : stacks.LinesOf;
            if (!isApart)
            {
                _tracer = new Tracer(machine.Observers, machine.NameOf, options, first, linesOf);
                return;
            }

            first.Dispose(); // it can be made
            var files = new TraceFiles(file, TraceLines.HeaderOf(options));
            _output = files;
            _tracer = new Tracer(machine.Observers, machine.NameOf, options, files, linesOf);
        }

        public void Dispose()
        {
            _tracer.Dispose();
            try
            {
                _output.Dispose();
            }
            catch (IOException)
            {
                // The trace has told that it ended.
            }
        }
    }
}
