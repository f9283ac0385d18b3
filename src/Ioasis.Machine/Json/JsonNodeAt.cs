using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Ioasis.Machine.Json;

/// <summary>A JSON value that knows where it stands, so that a mistake can be shown there.</summary>
/// <param name="At">Its first character.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Text">A scalar as text; what the others are, in words.</param>
internal sealed record JsonNodeAt(JsonPosition At, JsonValueKind Kind, string Text)
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
        JsonPosition at = lines.PositionOf(reader.TokenStartIndex);
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

                return new JsonNodeAt(at, JsonValueKind.Object, "an object") { Members = members };
            case JsonTokenType.StartArray:
                List<JsonNodeAt> items = [];
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                    items.Add(ParseValue(ref reader, lines));
                return new JsonNodeAt(at, JsonValueKind.Array, "an array") { Items = items };
            case JsonTokenType.String:
                return new JsonNodeAt(at, JsonValueKind.String, reader.GetString()!);
            case JsonTokenType.Number:
                return new JsonNodeAt(at, JsonValueKind.Number, Encoding.UTF8.GetString(reader.ValueSpan));
            case JsonTokenType.True or JsonTokenType.False:
                bool value = reader.GetBoolean();
                return new JsonNodeAt(at, value ? JsonValueKind.True : JsonValueKind.False,
                    value.ToString(CultureInfo.InvariantCulture).ToLowerInvariant());
            default:
                return new JsonNodeAt(at, JsonValueKind.Null, "null");
        }
    }

    private sealed class LineCounter(byte[] utf8)
    {
        private int _line = 1, _column = 1;
        private long _position;

        /// <summary>Where a byte is; asked for in ascending order.</summary>
        internal JsonPosition PositionOf(long position)
        {
            for (; _position < position; _position++)
            {
                if (utf8[_position] == '\n') (_line, _column) = (_line + 1, 1);
                else if ((utf8[_position] & 0xc0) != 0x80) _column++; // not within a character
            }

            return new JsonPosition(_line, _column);
        }
    }
}

/// <summary>A place in a text, as compilers and editors show it.</summary>
/// <param name="Line">The line, from 1.</param>
/// <param name="Column">The character of the line, from 1.</param>
internal readonly record struct JsonPosition(int Line, int Column)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Line}:{Column}");
}
