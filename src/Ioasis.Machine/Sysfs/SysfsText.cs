using System.Text;

namespace Ioasis.Machine.Sysfs;

/// <summary>Texts as programs write them to attributes.</summary>
internal static class SysfsText
{
    /// <summary>
    /// The text before the first newline and before the first zero byte, of which some languages write more than one.
    /// </summary>
    internal static string Line(ReadOnlySpan<byte> text)
    {
        int end = text.IndexOfAny((byte)'\n', (byte)0);
        return Encoding.UTF8.GetString(end < 0 ? text : text[..end]);
    }
}
