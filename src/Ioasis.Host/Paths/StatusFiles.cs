using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Ioasis.Abi;
using Ioasis.Host.Callers;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Paths;

/// <summary>
/// /proc/PID/status of processes in whose name something is pinned: the kernel's text, with what Linux's iommufd would
/// have added to VmLck and VmPin. Of all others it is the kernel's own file.
/// </summary>
internal sealed class StatusFiles(CallerTable callers)
{
    private const int KilobytesOfPage = 4, NumberWidth = 8;

    /// <summary>Whether any process has such counts; if not, no path need be looked at.</summary>
    public bool IsNeeded => callers.HasPins;

    /// <summary>The text, if a path leads to such a file.</summary>
    /// <param name="caller">The thread that opens it.</param>
    /// <param name="path">The path, absolute.</param>
    /// <returns>Null when the kernel is to open it.</returns>
    public byte[]? TryRead(int caller, ReadOnlySpan<byte> path)
    {
        if (!TryParse(path, caller, out int thread, out bool isProcess) || !CallersRights.SeesOurProc(caller))
            return null;
        if (Read(thread) is not byte[] text || !TryNumber(text, "Tgid:"u8, out ulong process)) return null;
        if (isProcess && (int)process != thread && (text = Read((int)process)!) is null) return null;
        (ulong pinned, ulong locked) = callers.PinsOf((int)process);
        return pinned == 0 && locked == 0 ? null : Add(Add(text, "VmLck:"u8, locked), "VmPin:"u8, pinned);
    }

    /// <summary>Which thread a path asks about, if it is that of such a file.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> path, int caller, out int thread, out bool isProcess) =>
        ProcPath.TrySkip(ref path, caller, out thread, out isProcess) && path.SequenceEqual("status"u8);

    /// <summary>Adds pages to a line of the text that has a number of kilobytes.</summary>
    internal static byte[] Add(byte[] text, ReadOnlySpan<byte> name, ulong pages)
    {
        if (pages == 0 || !TryFind(text, name, out Range range)
            || !Utf8Parser.TryParse(text.AsSpan()[range].TrimStart(" \t"u8), out ulong value, out _))
            return text;
        byte[] line = Encoding.ASCII.GetBytes(
            $"\t{(value + pages * KilobytesOfPage).ToString(CultureInfo.InvariantCulture),NumberWidth} kB");
        (int start, int length) = range.GetOffsetAndLength(text.Length);
        return [.. text.AsSpan(0, start), .. line, .. text.AsSpan(start + length)];
    }

    private static byte[]? Read(int thread)
    {
        string path = string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/status");
        if (SysFiles.Open(path, FcntlH.O_RDONLY, out FileDescriptor file) != Errno.None) return null;
        using (file)
        {
            var text = new byte[16 * 1024];
            SysResult got = SysFiles.Read(file, text);
            return got.IsOk ? text[..(int)got.Value] : null;
        }
    }

    private static bool TryNumber(byte[] text, ReadOnlySpan<byte> name, out ulong number)
    {
        number = 0;
        return TryFind(text, name, out Range range)
            && Utf8Parser.TryParse(text.AsSpan()[range].TrimStart(" \t"u8), out number, out _);
    }

    // What a line says after its name. A program's name comes first in the text, with its newlines escaped.
    private static bool TryFind(ReadOnlySpan<byte> text, ReadOnlySpan<byte> name, out Range range)
    {
        foreach (Range line in text.Split((byte)'\n'))
        {
            if (!text[line].StartsWith(name)) continue;
            range = (line.Start.Value + name.Length)..line.End;
            return true;
        }

        range = default;
        return false;
    }
}
