using System.Text;

namespace Ioasis.Passthrough.Mdev;

/// <summary>The names of mdevs as programs write them to <c>create</c>.</summary>
internal static class MdevUuid
{
    /// <summary>Number of characters of a UUID.</summary>
    internal const int Length = 36;

    /// <summary>
    /// Reads a UUID of either case, and one further byte whatever it is (Linux: create_store, guid_parse).
    /// </summary>
    internal static bool TryParse(ReadOnlySpan<byte> text, out Guid uuid)
    {
        uuid = default;
        if (text.Length is < Length or > Length + 1) return false;
        for (int i = 0; i < Length; i++)
        {
            bool isDash = i is 8 or 13 or 18 or 23;
            if (isDash ? text[i] != '-' : !char.IsAsciiHexDigit((char)text[i])) return false;
        }

        return Guid.TryParseExact(Encoding.ASCII.GetString(text[..Length]), "D", out uuid);
    }
}
