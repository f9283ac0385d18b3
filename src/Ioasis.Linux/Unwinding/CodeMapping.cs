using System.Globalization;

namespace Ioasis.Linux.Unwinding;

/// <summary>A mapping of a process that can hold code, from /proc/PID/maps.</summary>
/// <param name="Start">The first address.</param>
/// <param name="End">The address after the last.</param>
/// <param name="ModuleStart">Where the first byte of its file is mapped, as far as one can tell.</param>
/// <param name="Offset">The offset of <paramref name="Start"/> in the file.</param>
/// <param name="DeviceMajor">The major number of the file's device.</param>
/// <param name="DeviceMinor">The minor number.</param>
/// <param name="Inode">The file's inode; 0 if the memory is of no file.</param>
/// <param name="Path">The file's path at that time, or a name such as <c>[vdso]</c>; empty for none.</param>
internal sealed record CodeMapping(
    ulong Start, ulong End, ulong ModuleStart, ulong Offset, uint DeviceMajor, uint DeviceMinor, ulong Inode,
    string Path)
{
    /// <summary>Reads the executable mappings of the text of /proc/PID/maps.</summary>
    public static List<CodeMapping> Parse(string text)
    {
        List<CodeMapping> found = [];
        (ulong Start, ulong Inode, string Path) module = default;
        Span<Range> parts = stackalloc Range[6]; // start-end rwxp offset major:minor inode path
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            int count = line.Split(parts, ' ', StringSplitOptions.RemoveEmptyEntries);
            if (count < 5) continue;
            ReadOnlySpan<char> range = line[parts[0]], device = line[parts[3]];
            int dash = range.IndexOf('-'), colon = device.IndexOf(':');
            if (dash < 0 || colon < 0) continue;
            ulong start = Hex(range[..dash]), end = Hex(range[(dash + 1)..]), offset = Hex(line[parts[2]]);
            _ = ulong.TryParse(line[parts[4]], NumberStyles.None, CultureInfo.InvariantCulture, out ulong inode);
            string path = count < 6 ? "" : line[parts[5].Start..].ToString();
            if (offset == 0 || inode != module.Inode || path != module.Path) module = (start, inode, path);
            if (!line[parts[1]].Contains('x')) continue;
            found.Add(new CodeMapping(start, end, module.Start, offset, (uint)Hex(device[..colon]),
                (uint)Hex(device[(colon + 1)..]), inode, path));
        }

        return found;
    }

    private static ulong Hex(ReadOnlySpan<char> text) =>
        ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value) ? value : 0;
}
