using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Help;
using Ioasis.Machine.Description;

namespace Ioasis.Cli.Manual;

/// <summary>
/// A command as the manual page and the completion scripts describe it. It is read from the command tree that parses
/// command lines, so that the three cannot differ.
/// </summary>
/// <param name="Path">The words that begin it, such as "ioasis trace convert".</param>
/// <param name="Description">What it does; further lines are examples.</param>
/// <param name="Options">Its options, without --help.</param>
/// <param name="Arguments">Its positional arguments.</param>
/// <param name="Subcommands">The commands below it.</param>
/// <param name="TakesProgram">Whether a program and its arguments follow.</param>
internal sealed record CommandNode(
    string Path, string Description, IReadOnlyList<OptionNode> Options, IReadOnlyList<ArgumentNode> Arguments,
    IReadOnlyList<CommandNode> Subcommands, bool TakesProgram)
{
    /// <summary>The last word.</summary>
    internal string Name => Path[(Path.LastIndexOf(' ') + 1)..];

    /// <summary>This command and those below it, each before its own subcommands.</summary>
    internal IEnumerable<CommandNode> All => Subcommands.SelectMany(c => c.All).Prepend(this);

    /// <summary>Reads a command of the tree.</summary>
    /// <param name="command">The command.</param>
    /// <param name="takesProgram">Which commands are followed by a program.</param>
    /// <param name="parent">The words before its name.</param>
    internal static CommandNode Of(Command command, Func<Command, bool> takesProgram, string parent = "")
    {
        string path = command is RootCommand ? "ioasis" : $"{parent} {command.Name}";
        return new CommandNode(path, command.Description ?? "",
            [.. command.Options.Where(o => o is { Hidden: false } and not HelpOption).Select(OptionNode.Of)],
            [.. command.Arguments.Where(a => !a.Hidden).Select(ArgumentNode.Of)],
            [.. command.Subcommands.Where(c => !c.Hidden).Select(c => Of(c, takesProgram, path))],
            takesProgram(command));
    }
}

/// <summary>An option of a command.</summary>
/// <param name="Names">Its names, the main one first.</param>
/// <param name="Value">What its value is called; null if it takes none.</param>
/// <param name="Kind">What its value is.</param>
/// <param name="Choices">The values, if they are known.</param>
/// <param name="Description">What it does.</param>
internal sealed record OptionNode(
    IReadOnlyList<string> Names, string? Value, ValueKind Kind, IReadOnlyList<string> Choices, string Description)
{
    internal static OptionNode Of(Option option)
    {
        // A value that may be left out follows an equals sign, as in --web=PORT, so the next word is another's.
        bool isFlag = option.Arity.MinimumNumberOfValues == 0 || option is VersionOption;
        ValueKind kind = isFlag ? ValueKind.None : Values.KindOf(option.HelpName);
        return new OptionNode([option.Name, .. option.Aliases], isFlag ? null : option.HelpName ?? "VALUE", kind,
            isFlag ? [] : Values.ChoicesOf(option, option.HelpName), option.Description ?? "");
    }
}

/// <summary>A positional argument of a command.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="IsMany">Whether several may follow one another.</param>
/// <param name="IsOptional">Whether it may be left out.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Choices">The values, if they are known.</param>
/// <param name="Description">What it means.</param>
internal sealed record ArgumentNode(
    string Name, bool IsMany, bool IsOptional, ValueKind Kind, IReadOnlyList<string> Choices, string Description)
{
    // The parser takes any number of most arguments, so that a wrong number gets a sentence of ours. So the names tell.
    internal static ArgumentNode Of(Argument argument) => new(
        argument.Name.ToUpperInvariant(), argument.Name == "files", argument.Name == "name",
        argument.Name is "file" or "files" or "recording" ? ValueKind.File : ValueKind.Word,
        Values.ChoicesOf(argument, null), argument.Description ?? "");
}

/// <summary>What a value is, for its completion.</summary>
internal enum ValueKind
{
    /// <summary>There is no value.</summary>
    None,

    /// <summary>A word, one of those known or any.</summary>
    Word,

    /// <summary>A file.</summary>
    File,

    /// <summary>The process ID of a program that runs under <c>ioasis run</c>.</summary>
    Program,
}

internal static class Values
{
    internal static ValueKind KindOf(string? name) => name switch
    {
        "FILE" or "ASSEMBLY" => ValueKind.File,
        "PID" => ValueKind.Program,
        _ => ValueKind.Word,
    };

    /// <summary>The values that the parser knows, or those that the name lists, such as "perfetto|csv".</summary>
    internal static IReadOnlyList<string> ChoicesOf(Symbol symbol, string? name)
    {
        string[] known = [.. symbol.GetCompletions(CompletionContext.Empty).Select(c => c.InsertText ?? c.Label)];
        if (known.Length != 0 || name is null) return known;
        if (name.StartsWith("MODEL", StringComparison.Ordinal)) return MachineDescription.DeviceModels;
        return name.Contains('|', StringComparison.Ordinal)
            ? [.. name.Split('|').Where(word => word.All(c => char.IsAsciiLetterLower(c) || c == '_'))]
            : [];
    }
}
