using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Ioasis.Machine.Json;

/// <summary>A JSON value that knows the line it stands in, so that a mistake can be shown where it is.</summary>
internal sealed record JsonNodeAt(int Line, JsonValueKind Kind, string Text)
{
    /// <summary>The members of an object, in order.</summary>
    internal IReadOnlyList<(string Name, JsonNodeAt Value)> Members { get; private init; } = [];

    /// <summary>The elements of an array.</summary>
    internal IReadOnlyList<JsonNodeAt> Items { get; private init; } = [];

    /// <summary>Reads a document; comments and trailing commas are allowed.</summary>
    /// <exception cref="JsonException">It is not JSON; the line is in the exception.</exception>
    internal static JsonNodeAt Parse(byte[] utf8)
    {
        var reader = new Utf8JsonReader(
            utf8, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        reader.Read();
        JsonNodeAt root = ParseValue(ref reader, new LineCounter(utf8));
        while (reader.Read())
        {
            // only comments may follow, and the reader throws at anything else
        }

        return root;
    }

    private static JsonNodeAt ParseValue(ref Utf8JsonReader reader, LineCounter lines)
    {
        int line = lines.LineOf(reader.TokenStartIndex);
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                List<(string, JsonNodeAt)> members = [];
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    string name = reader.GetString()!;
                    reader.Read();
                    members.Add((name, ParseValue(ref reader, lines)));
                }

                return new JsonNodeAt(line, JsonValueKind.Object, "an object") { Members = members };
            case JsonTokenType.StartArray:
                List<JsonNodeAt> items = [];
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                    items.Add(ParseValue(ref reader, lines));
                return new JsonNodeAt(line, JsonValueKind.Array, "an array") { Items = items };
            case JsonTokenType.String:
                return new JsonNodeAt(line, JsonValueKind.String, reader.GetString()!);
            case JsonTokenType.Number:
                return new JsonNodeAt(line, JsonValueKind.Number, Encoding.UTF8.GetString(reader.ValueSpan));
            case JsonTokenType.True or JsonTokenType.False:
                bool value = reader.GetBoolean();
                return new JsonNodeAt(line, value ? JsonValueKind.True : JsonValueKind.False,
                    value.ToString(CultureInfo.InvariantCulture).ToLowerInvariant());
            default:
                return new JsonNodeAt(line, JsonValueKind.Null, "null");
        }
    }

    private sealed class LineCounter(byte[] utf8)
    {
        private int _line = 1;
        private long _position;

        /// <summary>The line of a byte; asked for in ascending order.</summary>
        internal int LineOf(long position)
        {
            for (; _position < position; _position++)
                if (utf8[_position] == '\n') _line++;
            return _line;
        }
    }
}
