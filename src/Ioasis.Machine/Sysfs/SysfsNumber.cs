using System.Buffers.Text;

namespace Ioasis.Machine.Sysfs;

/// <summary>Numbers as programs write them to attributes (Linux: kstrtoul and kstrtou16 with base 0).</summary>
internal static class SysfsNumber
{
    /// <summary>
    /// Reads decimal, hexadecimal after <c>0x</c> and octal after <c>0</c>, with a plus before it and one newline
    /// behind it if there are. A zero byte ends the text.
    /// </summary>
    internal static bool TryParse(ReadOnlySpan<byte> text, out ushort value)
    {
        bool isNumber = TryParse(text, out ulong number) && number <= ushort.MaxValue;
        value = isNumber ? (ushort)number : (ushort)0;
        return isNumber;
    }

    /// <summary>The same of 64 bits.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> text, out ulong value)
    {
        value = 0;
        int end = text.IndexOf((byte)0);
        if (end >= 0) text = text[..end];
        if (text.EndsWith("\n"u8)) text = text[..^1];
        if (text.StartsWith("+"u8)) text = text[1..];
        if (text.IsEmpty || !char.IsAsciiHexDigit((char)text[0])) return false;
        if (text.Length > 2 && text[0] == '0' && (text[1] | 0x20) == 'x')
            return Utf8Parser.TryParse(text[2..], out value, out int hex, 'x') && hex == text.Length - 2;
        return text[0] == '0' ? TryOctal(text, out value) : Utf8Parser.TryParse(text, out value, out int digits)
            && digits == text.Length;
    }

    private static bool TryOctal(ReadOnlySpan<byte> text, out ulong value)
    {
        value = 0;
        foreach (byte digit in text)
        {
            if (digit is < (byte)'0' or > (byte)'7' || value >> 61 != 0) return false;
            value = (value * 8) + digit - '0';
        }

        return true;
    }
}
