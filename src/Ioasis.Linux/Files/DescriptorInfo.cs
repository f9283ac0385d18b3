using System.Buffers.Text;

namespace Ioasis.Linux.Files;

/// <summary>
/// The part of /proc/PID/fdinfo/N that identifies the open file: the mount it was opened on, and its inode number.
/// </summary>
internal readonly record struct DescriptorInfo(int Mount, ulong Inode)
{
    // The first four lines, each a name, a tab and a number: pos, flags, mnt_id, ino. The kernel writes them before the
    // file's own lines.
    private const int Enough = 128;

    /// <summary>Reads them for the file that the descriptor refers to now.</summary>
    /// <param name="file">An open /proc/PID/fdinfo/N. It is bound to the process and the number, not to the
    /// file.</param>
    /// <param name="info">The result.</param>
    /// <returns>False if the number is not open or the process is gone.</returns>
    public static bool TryRead(FileDescriptor file, out DescriptorInfo info)
    {
        Span<byte> text = stackalloc byte[Enough];
        int got = SysFiles.ReadAtOnce(file, text, 0);
        return TryParse(text[..Math.Max(0, got)], out info);
    }

    /// <summary>Reads the flags that a descriptor was opened with, from the same file.</summary>
    public static bool TryReadFlags(FileDescriptor file, out int flags)
    {
        flags = 0;
        Span<byte> text = stackalloc byte[Enough];
        text = text[..Math.Max(0, SysFiles.ReadAtOnce(file, text, 0))];
        int at = text.IndexOf("\nflags:\t"u8) + "\nflags:\t".Length;
        if (at < "\nflags:\t".Length) return false;
        while (at < text.Length && text[at] is >= (byte)'0' and <= (byte)'7') flags = flags * 8 + text[at++] - '0';
        return at < text.Length;
    }

    /// <summary>Parses the text.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out DescriptorInfo info)
    {
        info = default;
        int at = text.IndexOf("\nmnt_id:\t"u8);
        if (at < 0) return false;
        text = text[(at + "\nmnt_id:\t".Length)..];
        if (!Utf8Parser.TryParse(text, out int mount, out int digits)) return false;
        text = text[digits..];
        if (!text.StartsWith("\nino:\t"u8)) return false;
        text = text["\nino:\t".Length..];
        if (!Utf8Parser.TryParse(text, out ulong inode, out digits) || digits == text.Length || text[digits] != '\n')
            return false;
        info = new DescriptorInfo(mount, inode);
        return true;
    }
}
