using System.Globalization;
using System.Text.Json;
using Ioasis.Machine.Description;

namespace Ioasis.Machine.Json;

/// <summary>
/// Reads members of an object by name and complains, with file, line and column, of what is not as it must be.
/// </summary>
internal sealed class JsonReaderAt
{
    private readonly string _file;
    private readonly JsonNodeAt _node;
    private readonly string _what;

    /// <summary>Reads an object whose members must be among <paramref name="known"/>.</summary>
    /// <param name="file">The file's name, for complaints.</param>
    /// <param name="node">The object.</param>
    /// <param name="what">What it describes, <c>a device</c>.</param>
    /// <param name="known">The members that it may have.</param>
    internal JsonReaderAt(string file, JsonNodeAt node, string what, params string[] known) : this(file, node, what) =>
        CheckKnown(known);

    private JsonReaderAt(string file, JsonNodeAt node, string what)
    {
        (_file, _node, _what) = (file, node, what);
        if (node.Kind != JsonValueKind.Object) throw Complain(node, $"{what} is an object, not {Show(node)}");
        foreach ((string name, JsonNodeAt value) in node.Members)
            if (node.Members.Count(m => m.Name == name) > 1)
                throw Complain(value, $"\"{name}\" stands twice in {what}");
    }

    /// <summary>Reads an object whose members are known later: <see cref="CheckKnown"/> is to follow.</summary>
    internal static JsonReaderAt Open(string file, JsonNodeAt node, string what) => new(file, node, what);

    /// <summary>Reads an object of the same file, as <see cref="Open(string, JsonNodeAt, string)"/> does.</summary>
    internal JsonReaderAt Open(JsonNodeAt node, string what) => new(_file, node, what);

    /// <summary>Complains of a member that is not among those that the object may have.</summary>
    internal void CheckKnown(IReadOnlyList<string> known)
    {
        foreach ((string name, JsonNodeAt value) in _node.Members)
            if (!known.Contains(name))
                throw Complain(value, $"{_what} has no \"{name}\"; it may have {string.Join(", ", known)}");
    }

    /// <summary>A complaint about a value of this file.</summary>
    internal MachineDescriptionException Complain(JsonNodeAt at, string sentence) =>
        new($"{_file}:{at.At}: {sentence}.");

    /// <summary>A complaint about the object as a whole, or one of its members.</summary>
    internal MachineDescriptionException Complain(string member, string sentence) =>
        Complain(Find(member) ?? _node, sentence);

    internal string? String(string name) => Find(name) switch
    {
        null => null,
        { Kind: JsonValueKind.String } found => found.Text,
        { } other => throw Complain(other, $"\"{name}\" of {_what} is a string, not {Show(other)}"),
    };

    internal string RequiredString(string name, string example) =>
        String(name) ?? throw Complain(_node, $"{_what} needs \"{name}\", {example}");

    internal bool Boolean(string name, bool otherwise) => Find(name) switch
    {
        null => otherwise,
        { Kind: JsonValueKind.True } => true,
        { Kind: JsonValueKind.False } => false,
        { } other => throw Complain(other, $"\"{name}\" of {_what} is true or false, not {Show(other)}"),
    };

    /// <summary>A number, or a string with a hexadecimal one, which JSON itself cannot write.</summary>
    internal ulong? Unsigned(string name)
    {
        if (Find(name) is not { } found) return null;
        bool hex = found.Kind == JsonValueKind.String && found.Text.StartsWith("0x", StringComparison.Ordinal);
        bool ok = hex
            ? ulong.TryParse(found.Text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                out ulong value)
            : ulong.TryParse(found.Text, NumberStyles.None, CultureInfo.InvariantCulture, out value)
            && found.Kind == JsonValueKind.Number;
        return ok ? value : throw Complain(
            found, $"\"{name}\" of {_what} is a number such as 48 or \"0x1000\", not {Show(found)}");
    }

    internal IReadOnlyList<JsonNodeAt> Array(string name) => Find(name) switch
    {
        null => [],
        { Kind: JsonValueKind.Array } found => found.Items,
        { } other => throw Complain(other, $"\"{name}\" of {_what} is an array, not {Show(other)}"),
    };

    internal JsonNodeAt? Find(string name) => _node.Members.FirstOrDefault(m => m.Name == name).Value;

    /// <summary>A value as complaints show it.</summary>
    internal static string Show(JsonNodeAt node) => node.Kind == JsonValueKind.String ? $"\"{node.Text}\"" : node.Text;
}
