using System.Buffers.Text;
using System.Globalization;
using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Callers;

/// <summary>Reads the text of /proc/TID/status and finds its lines.</summary>
internal static class StatusText
{
    /// <summary>
    /// The lines from Name to FDSize fit in this many bytes. The kernel escapes a name of 15 bytes to 60; each number
    /// has 10 digits at most.
    /// </summary>
    public const int HeadLength = 512;

    private const int FirstRoom = 4096, LargestRoom = 1 << 20; // 65536 supplementary groups fit

    /// <summary>Reads the first lines of a thread's text.</summary>
    /// <param name="thread">The thread's ID.</param>
    /// <param name="room">Room for <see cref="HeadLength"/> bytes.</param>
    /// <returns>How many bytes were read; 0 when there is no such thread or the file cannot be opened.</returns>
    public static int ReadHead(int thread, Span<byte> room)
    {
        if (SysFiles.Open(PathOf(thread), FcntlH.O_RDONLY, out FileDescriptor file) != Errno.None) return 0;
        using (file) return ReadOnce(file, room);
    }

    /// <inheritdoc cref="ReadHead(int, Span{byte})"/>
    /// <param name="directory">The thread's /proc/TID/fd.</param>
    /// <param name="room">Room for <see cref="HeadLength"/> bytes.</param>
    public static int ReadHead(FileDescriptor directory, Span<byte> room)
    {
        Errno errno = SysFiles.OpenAt(directory, "../status", FcntlH.O_RDONLY, out FileDescriptor file);
        if (errno != Errno.None) return 0;
        using (file) return ReadOnce(file, room);
    }

    /// <summary>Reads all of a thread's text.</summary>
    /// <returns>False when there is no such thread, or the file cannot be read.</returns>
    public static bool TryRead(int thread, out byte[] text)
    {
        text = [];
        if (SysFiles.Open(PathOf(thread), FcntlH.O_RDONLY, out FileDescriptor file) != Errno.None) return false;
        using (file)
        {
            text = new byte[FirstRoom];
            int length = 0;
            while (true)
            {
                SysResult got = SysFiles.Read(file, text.AsSpan(length));
                if (!got.IsOk) return false;
                if (got.Value == 0) break;
                length += (int)got.Value;
                if (length < text.Length) continue;
                if (length >= LargestRoom) return false;
                Array.Resize(ref text, 2 * length);
            }

            Array.Resize(ref text, length);
            return true;
        }
    }

    /// <summary>Finds what a line says after its name, such as "Tgid:".</summary>
    public static bool TryFind(ReadOnlySpan<byte> text, ReadOnlySpan<byte> name, out Range range)
    {
        for (int from = 0, found; (found = text[from..].IndexOf(name)) >= 0; from += found + name.Length)
        {
            // A program can have any name: it may look like a line, but the kernel escapes the newlines in it.
            int at = from + found, start = at + name.Length;
            if (at != 0 && text[at - 1] != '\n') continue;
            int length = text[start..].IndexOf((byte)'\n');
            range = start..(length < 0 ? text.Length : start + length);
            return true;
        }

        range = default;
        return false;
    }

    /// <summary>Finds the first number of a line.</summary>
    public static bool TryFindNumber(ReadOnlySpan<byte> text, ReadOnlySpan<byte> name, out ulong number)
    {
        number = 0;
        return TryFind(text, name, out Range range)
            && Utf8Parser.TryParse(text[range].TrimStart(" \t"u8), out number, out _);
    }

    private static string PathOf(int thread) => string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/status");

    private static int ReadOnce(FileDescriptor file, Span<byte> room)
    {
        SysResult got = SysFiles.Read(file, room);
        return got.IsOk ? (int)got.Value : 0;
    }
}
