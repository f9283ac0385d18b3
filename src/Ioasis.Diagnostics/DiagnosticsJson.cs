using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ioasis.Diagnostics;

/// <summary>
/// JSON as diagnostics write it: names in camelCase; nothing for what is null; addresses as text in hexadecimal,
/// because many programs read a number as a double.
/// </summary>
internal static class DiagnosticsJson
{
    /// <summary>On one line.</summary>
    public static JsonSerializerOptions Line { get; } = Make(isIndented: false);

    /// <summary>Indented.</summary>
    public static JsonSerializerOptions Indented { get; } = Make(isIndented: true);

    /// <summary>An address as text.</summary>
    public static string Hex(ulong value) => string.Create(CultureInfo.InvariantCulture, $"0x{value:x}");

    private static JsonSerializerOptions Make(bool isIndented) => new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        WriteIndented = isIndented,
        Converters = { new JsonStringEnumConverter(), new AddressConverter() },
    };

    private sealed class AddressConverter : JsonConverter<ulong>
    {
        public override ulong Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            string text = reader.GetString() ?? "";
            return text.StartsWith("0x", StringComparison.Ordinal) && ulong.TryParse(
                text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value)
                ? value
                : throw new JsonException($"\"{text}\" is no address.");
        }

        public override void Write(Utf8JsonWriter writer, ulong value, JsonSerializerOptions options)
        {
            ArgumentNullException.ThrowIfNull(writer);
            writer.WriteStringValue(Hex(value));
        }
    }
}
