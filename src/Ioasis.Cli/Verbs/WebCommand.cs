using System.CommandLine;
using System.Globalization;
using Ioasis.Host.Control;
using Ioasis.Host.Launch;

namespace Ioasis.Cli.Verbs;

/// <summary>
/// The command <c>web</c>, which becomes the page's program, and the option <c>--web</c> of run, which starts it.
/// </summary>
internal static class WebCommand
{
    private const int MostPort = 65535;

    /// <summary>The option of run.</summary>
    internal static Option<string?> ForRun() => new("--web")
    {
        HelpName = "PORT",
        Arity = ArgumentArity.ZeroOrOne,
        Description = "Shows the program on a page while it runs: --web, or --web=PORT (docs/web.md).",
    };

    /// <summary>Reads the option of run.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="option">The option.</param>
    /// <param name="port">The port; 0 for a free one; null for no page.</param>
    /// <returns>What is wrong, in a sentence.</returns>
    internal static string? TryRead(ParseResult parsed, Option<string?> option, out int? port)
    {
        port = null;
        if (parsed.GetResult(option) is not { Implicit: false }) return null;
        string? complaint = TryRead(parsed.GetValue(option), "--web", out int number);
        port = number;
        return complaint;
    }

    internal static Command Of(TextWriter error)
    {
        var web = new Command("web",
            "Shows a running program, a recording or the lessons on a page in a browser (docs/web.md).");
        var what = new Argument<string[]>("what")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = "A program's process ID, or a recording, FILE.ioasis. Default: the running program, else "
                + "the lessons.",
            HelpName = "PID|FILE",
        };
        var port = new Option<string?>("--port")
        {
            HelpName = "PORT",
            Description = "The port on 127.0.0.1. Default: a free one.",
        };
        web.Add(what);
        web.Add(port);
        web.SetAction(parsed =>
        {
            if (TryRead(parsed.GetValue(port), "--port", out int number) is { } wrong)
                return CommandLine.Refuse(error, wrong);
            try
            {
                return parsed.GetValue(what) switch
                {
                    null or [] => Become(OfRunning(number)),
                    [var word] when int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int pid) =>
                        Become(OfProgram(pid, number)),
                    [var file] when File.Exists(file) =>
                        Become(PageProgram.OfRecording(Path.GetFullPath(file), number)),
                    [var word] => CommandLine.Refuse(error, $"web: there is no file \"{word}\"; expected a process ID "
                        + "or a recording"),
                    _ => CommandLine.Refuse(error, "web takes one process ID or one recording"),
                };
            }
            catch (NoProgramException e)
            {
                return CommandLine.RefuseProgram(error, e);
            }
            catch (IOException e)
            {
                return CommandLine.Refuse(error, e.Message);
            }
        });
        return web;
    }

    private static int Become(string[] words)
    {
        PageProgram.Become(words);
        return 0;
    }

    private static string[] OfRunning(int port) => ControlClient.Programs() switch
    {
        [] => PageProgram.OfLessons(port),
        [var only] => PageProgram.OfProgram(only.Program, port),
        var several => throw new IOException("several programs are running under ioasis run; "
            + $"choose one with web PID: {string.Join(", ", several.Select(p => p.Program))}"),
    };

    private static string[] OfProgram(int pid, int port) => ControlClient.Programs().Any(p => p.Program == pid)
        ? PageProgram.OfProgram(pid, port)
        : throw new NoProgramException($"no program with ID {pid} is running under ioasis run");

    private static string? TryRead(string? text, string option, out int port)
    {
        port = 0;
        return text is null || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port)
            && port is > 0 and <= MostPort)
            ? null
            : $"{option} takes a port from 1 to {MostPort}, not {text}";
    }
}
