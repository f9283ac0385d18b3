using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Ioasis.Host.Callers;

namespace Ioasis.Host.Paths;

/// <summary>
/// Serves /proc/PID/status of processes that have pinned memory: the kernel's text, with our pages added to VmLck and
/// VmPin as Linux's iommufd adds its own. The kernel serves this file of all other processes.
/// </summary>
internal sealed class StatusFiles(CallerTable callers)
{
    private const int KilobytesOfPage = 4, NumberWidth = 8;

    /// <summary>Whether any process has pinned memory. If none has, no path matters here.</summary>
    public bool IsNeeded => callers.HasPins;

    /// <summary>Makes the text, if the path leads to the status file of a process with pinned memory.</summary>
    /// <param name="caller">The thread that opens the path.</param>
    /// <param name="path">The path, absolute.</param>
    /// <returns>Null when the kernel is to open the path.</returns>
    public byte[]? TryRead(int caller, ReadOnlySpan<byte> path)
    {
        if (!TryParse(path, caller, out int thread, out bool isProcess) || !CallersRights.SeesOurProc(caller))
            return null;
        if (!StatusText.TryRead(thread, out byte[] text)) return null;
        if (!StatusText.TryFindNumber(text, "Tgid:"u8, out ulong process)) return null;
        if (isProcess && (int)process != thread && !StatusText.TryRead((int)process, out text)) return null;
        (ulong pinned, ulong locked) = callers.PinsOf((int)process);
        return pinned == 0 && locked == 0 ? null : Add(Add(text, "VmLck:"u8, locked), "VmPin:"u8, pinned);
    }

    /// <summary>Finds the thread whose status file a path leads to.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> path, int caller, out int thread, out bool isProcess) =>
        ProcPath.TrySkip(ref path, caller, out thread, out isProcess) && path.SequenceEqual("status"u8);

    /// <summary>Adds pages to a line that counts kilobytes.</summary>
    internal static byte[] Add(byte[] text, ReadOnlySpan<byte> name, ulong pages)
    {
        if (pages == 0 || !StatusText.TryFind(text, name, out Range range)
            || !Utf8Parser.TryParse(text.AsSpan()[range].TrimStart(" \t"u8), out ulong value, out _))
            return text;
        byte[] line = Encoding.ASCII.GetBytes(
            $"\t{(value + pages * KilobytesOfPage).ToString(CultureInfo.InvariantCulture),NumberWidth} kB");
        (int start, int length) = range.GetOffsetAndLength(text.Length);
        return [.. text.AsSpan(0, start), .. line, .. text.AsSpan(start + length)];
    }
}
