using System.Buffers.Text;
using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Callers;

/// <summary>
/// What tells the program that a process runs from the one it ran before an exec: where its code and its stack were put.
/// </summary>
internal readonly record struct ProgramImage(ulong StartCode, ulong StartStack)
{
    // proc_pid_stat(5): the state is field 3 and the first after the name's closing parenthesis.
    private const int FirstField = 3, StartCodeField = 26, StartStackField = 28;

    /// <summary>Reads it; default where the process is gone.</summary>
    /// <param name="thread">The directory /proc/TID/fd.</param>
    public static ProgramImage Read(FileDescriptor thread)
    {
        if (SysFiles.OpenAt(thread, "../stat", FcntlH.O_RDONLY, out FileDescriptor file) != Errno.None) return default;
        using (file)
        {
            Span<byte> text = stackalloc byte[1024];
            SysResult got = SysFiles.Read(file, text);
            return got.IsOk ? Parse(text[..(int)got.Value]) : default;
        }
    }

    private static ProgramImage Parse(ReadOnlySpan<byte> text)
    {
        text = text[(text.LastIndexOf((byte)')') + 1)..].TrimStart((byte)' ');
        ulong startCode = 0, startStack = 0;
        for (int field = FirstField; field <= StartStackField && !text.IsEmpty; field++)
        {
            int space = text.IndexOf((byte)' ');
            if (field == StartCodeField) _ = Utf8Parser.TryParse(text, out startCode, out _);
            if (field == StartStackField) _ = Utf8Parser.TryParse(text, out startStack, out _);
            text = space < 0 ? default : text[(space + 1)..];
        }

        return new ProgramImage(startCode, startStack);
    }
}
