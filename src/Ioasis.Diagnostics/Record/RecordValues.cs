using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Ioasis.Diagnostics.Record;

/// <summary>Values as recordings have them.</summary>
internal static class RecordValues
{
    private const string BytesBegin = "bytes:";

    /// <summary>Small numbers as numbers, others in hexadecimal: many programs read a number as a double.</summary>
    public static JsonNode Number(ulong value) =>
        value <= uint.MaxValue ? JsonValue.Create(value) : JsonValue.Create(DiagnosticsJson.Hex(value));

    /// <summary>Bytes as text.</summary>
    public static JsonNode Bytes(ReadOnlySpan<byte> bytes) =>
        JsonValue.Create(BytesBegin + Convert.ToHexStringLower(bytes));

    /// <summary>Reads a number.</summary>
    public static bool TryNumber(JsonNode? value, out ulong number)
    {
        number = 0;
        if (value is not JsonValue one) return false;
        if (one.TryGetValue(out string? text))
        {
            return text.StartsWith("0x", StringComparison.Ordinal) && ulong.TryParse(text.AsSpan(2),
                NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number);
        }

        if (one.TryGetValue(out long signed))
        {
            number = unchecked((ulong)signed);
            return true;
        }

        return one.TryGetValue(out number);
    }

    /// <summary>Reads bytes; null if the value is something else.</summary>
    /// <exception cref="FormatException">They are not in hexadecimal.</exception>
    public static byte[]? BytesOf(JsonNode? value) =>
        value is JsonValue one && one.TryGetValue(out string? text)
            && text.StartsWith(BytesBegin, StringComparison.Ordinal)
            ? Convert.FromHexString(text.AsSpan(BytesBegin.Length))
            : null;

    /// <summary>The value of 1, 2, 4 or 8 bytes.</summary>
    internal static ulong Load(ReadOnlySpan<byte> bytes) => bytes.Length switch
    {
        1 => bytes[0],
        2 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
        4 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
        _ => BinaryPrimitives.ReadUInt64LittleEndian(bytes),
    };
}
