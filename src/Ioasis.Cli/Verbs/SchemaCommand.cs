using System.CommandLine;

namespace Ioasis.Cli.Verbs;

/// <summary>The command <c>schema</c>: the JSON schemas of what ioasis reads and prints.</summary>
internal static class SchemaCommand
{
    private const string End = ".schema.json";

    /// <summary>The names of the schemas, in order.</summary>
    internal static IReadOnlyList<string> Names { get; } =
    [
        .. typeof(SchemaCommand).Assembly.GetManifestResourceNames()
            .Where(n => n.EndsWith(End, StringComparison.Ordinal)).Select(n => n[..^End.Length])
            .Order(StringComparer.Ordinal),
    ];

    internal static Command Of(TextWriter output, TextWriter error)
    {
        var schema = new Command("schema",
            "Writes the JSON schema of a machine's description, or of what a command prints with --json; without a "
            + "name, the names.");
        var name = new Argument<string[]>("name")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = "The schema: machine, or the command.",
        };
        name.CompletionSources.Add([.. Names]);
        schema.Add(name);
        schema.SetAction(parsed =>
        {
            switch (parsed.GetValue(name))
            {
                case null or []:
                    foreach (string one in Names) output.WriteLine(one);
                    return 0;
                case [string one] when Names.Contains(one):
                    output.Write(Text(one));
                    return 0;
                case [string one]:
                    return CommandLine.Refuse(error,
                        $"there is no schema \"{one}\"; expected one of: {string.Join(", ", Names)}");
                default:
                    return CommandLine.Refuse(error, "schema takes one name, as in: ioasis schema machine");
            }
        });
        return schema;
    }

    /// <summary>The text of a schema.</summary>
    internal static string Text(string name)
    {
        using Stream stream = typeof(SchemaCommand).Assembly.GetManifestResourceStream(name + End)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
