using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Ioasis.Diagnostics.Events;

/// <summary>Writes what there is to say about an event, field by field: as JSON, or as words for people.</summary>
internal abstract class FieldWriter
{
    internal abstract void WriteString(string name, string value);

    internal abstract void WriteNumber(string name, long value);

    internal abstract void WriteBoolean(string name, bool value);

    internal abstract void WriteAddress(string name, ulong value);
}

/// <summary>An object of JSON.</summary>
/// <param name="json">Has begun the object.</param>
internal sealed class JsonFields(Utf8JsonWriter json) : FieldWriter
{
    internal Utf8JsonWriter Json => json;

    internal override void WriteString(string name, string value) => json.WriteString(name, value);

    internal override void WriteNumber(string name, long value) => json.WriteNumber(name, value);

    internal override void WriteBoolean(string name, bool value) => json.WriteBoolean(name, value);

    internal override void WriteAddress(string name, ulong value)
    {
        Span<byte> text = stackalloc byte[18];
        "0x"u8.CopyTo(text);
        value.TryFormat(text[2..], out int length, "x", CultureInfo.InvariantCulture);
        json.WriteString(name, text[..(2 + length)]);
    }
}

/// <summary>The name of the event, then <c>name=value</c> for each field.</summary>
/// <param name="text">Where to.</param>
internal sealed class TextFields(StringBuilder text) : FieldWriter
{
    internal override void WriteString(string name, string value) => Begin(name).Append(value);

    internal override void WriteNumber(string name, long value) =>
        Begin(name).Append(CultureInfo.InvariantCulture, $"{value}");

    internal override void WriteBoolean(string name, bool value) => Begin(name).Append(value ? "true" : "false");

    internal override void WriteAddress(string name, ulong value) =>
        Begin(name).Append(CultureInfo.InvariantCulture, $"0x{value:x}");

    private StringBuilder Begin(string name) => name == "event" ? text : text.Append(' ').Append(name).Append('=');
}
