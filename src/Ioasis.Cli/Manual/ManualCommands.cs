using System.CommandLine;
using System.Globalization;
using Ioasis.Cli.Verbs;
using Ioasis.Diagnostics;

namespace Ioasis.Cli.Manual;

/// <summary>The commands <c>man</c> and <c>completion</c>: the manual page and the completion scripts.</summary>
internal static class ManualCommands
{
    private const string DateVariable = "SOURCE_DATE_EPOCH";

    private static readonly Dictionary<string, Action<CommandNode, TextWriter>> s_shells = new()
    {
        ["bash"] = BashCompletion.Write,
        ["zsh"] = ZshCompletion.Write,
        ["fish"] = FishCompletion.Write,
    };

    internal static Command Man(TextWriter output)
    {
        var man = new Command("man", "Writes the manual page, as in: ioasis man | man -l -");
        man.SetAction(parsed => ManPage.Write(Tree(parsed), Date(), Version, output));
        return man;
    }

    internal static Command Completion(TextWriter output, TextWriter error)
    {
        var completion = new Command("completion",
            "Writes a script that completes command lines of ioasis, as in: source <(ioasis completion bash)");
        var shell = new Argument<string[]>("shell")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = "The shell: bash, zsh or fish.",
        };
        shell.CompletionSources.Add([.. s_shells.Keys]);
        completion.Add(shell);
        completion.SetAction(parsed =>
        {
            if (parsed.GetValue(shell) is not [{ } name] || !s_shells.TryGetValue(name, out var write))
                return CommandLine.Refuse(error,
                    $"completion takes one shell; expected one of: {string.Join(", ", s_shells.Keys)}");
            write(Tree(parsed), output);
            return 0;
        });
        return completion;
    }

    private static string Version => OwnVersion.Full.Split('+')[0];

    private static CommandNode Tree(ParseResult parsed) =>
        CommandNode.Of(parsed.RootCommandResult.Command, CommandLine.TakesProgram);

    // https://reproducible-builds.org/specs/source-date-epoch
    private static DateOnly Date() => long.TryParse(Environment.GetEnvironmentVariable(DateVariable),
            NumberStyles.None, CultureInfo.InvariantCulture, out long seconds) && seconds < 253402300800
        ? DateOnly.FromDateTime(DateTimeOffset.FromUnixTimeSeconds(seconds).UtcDateTime)
        : DateOnly.FromDateTime(DateTime.UtcNow);
}
