using System.Buffers.Text;

namespace Ioasis.Linux.Files;

/// <summary>
/// What /proc/PID/fdinfo/N says of the file that a descriptor stands for: the mount it was opened on, and its inode
/// number.
/// </summary>
internal readonly record struct DescriptorInfo(int Mount, ulong Inode)
{
    // Four lines of a name, a tab and a number: pos, flags, mnt_id, ino. The kernel writes them before all that files
    // have to say themselves.
    private const int Enough = 128;

    /// <summary>Reads it, of the file that the descriptor stands for at this moment.</summary>
    /// <param name="file">An open /proc/PID/fdinfo/N. It belongs to the process and the number, whatever file is
    /// there.</param>
    /// <param name="info">What was read.</param>
    /// <returns>False when the number stands for no file, or the process is gone.</returns>
    public static bool TryRead(FileDescriptor file, out DescriptorInfo info)
    {
        Span<byte> text = stackalloc byte[Enough];
        int got = SysFiles.ReadAtOnce(file, text, 0);
        return TryParse(text[..Math.Max(0, got)], out info);
    }

    /// <summary>Takes the text apart.</summary>
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
