using System.CommandLine;

namespace Ioasis.Cli.Verbs;

/// <summary>
/// The program and its arguments, for the commands that run one: all words after <c>--</c>, or from the first word on
/// that is neither an option nor the value of one.
/// </summary>
internal sealed class ProgramWords
{
    /// <summary>The program and its arguments; null if the command line has none.</summary>
    internal string[]? Words { get; private set; }

    /// <summary>Divides a command line.</summary>
    /// <param name="root">The commands with their options.</param>
    /// <param name="arguments">The command line.</param>
    /// <param name="complaint">What is wrong with an option, in a sentence; null if nothing is.</param>
    /// <returns>The words before the program.</returns>
    internal string[] Take(RootCommand root, string[] arguments, out string? complaint)
    {
        complaint = null;
        Command? command = root.Subcommands.FirstOrDefault(c => c.Name == arguments.FirstOrDefault());
        int end = command is not null && CommandLine.TakesProgram(command)
            ? StartOf(command, arguments, out complaint)
            : Array.IndexOf(arguments, "--");
        if (end < 0 || end >= arguments.Length) return arguments;
        Words = arguments[(arguments[end] == "--" ? end + 1 : end)..];
        return arguments[..end];
    }

    private static int StartOf(Command command, string[] arguments, out string? complaint)
    {
        complaint = null;
        for (int i = 1; i < arguments.Length; i++)
        {
            string word = arguments[i];
            if (word == "--") return i;
            if (word is not ['-', ..])
                return i == 1 && command.Subcommands.Any(c => c.Name == word) ? -1 : i;
            if (Find(command, word) is { } option)
            {
                if (option.Arity.MinimumNumberOfValues > 0) i++; // its value
                continue;
            }

            int equals = word.IndexOfAny(['=', ':']);
            if (equals > 0 && Find(command, word[..equals]) is { } given)
            {
                // A value may also be there or not, as of --web.
                if (given.Arity.MinimumNumberOfValues > 0 || given.HelpName is not null) continue;
                complaint = $"{given.Name} takes no value";
                return -1;
            }

            // The parser complains of an unknown option; a value behind it is not taken for the program.
            if (word.Length > 2 && Find(command, word[..2]) is { Arity.MinimumNumberOfValues: > 0 }) continue;
            return Array.IndexOf(arguments, "--");
        }

        return -1;
    }

    private static Option? Find(Command command, string word) =>
        command.Options.FirstOrDefault(o => o.Name == word || o.Aliases.Contains(word));
}
