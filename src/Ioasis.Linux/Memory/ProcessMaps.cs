using System.Buffers.Text;
using System.Text;
using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Linux.Memory;

/// <summary>
/// The mappings of a process, from an open /proc/PID/maps. Like that file they are bound to the address space, not to
/// the PID.
/// </summary>
internal sealed class ProcessMaps(FileDescriptor file) : IDisposable
{
    // Set if the kernel has no PROCMAP_QUERY.
    private static volatile bool s_textOnly;

    /// <summary>
    /// Whether all of the bytes are mapped with the <paramref name="needed"/> permissions. The cost depends on the
    /// number of mappings in the range, not of pages.
    /// </summary>
    /// <param name="start">The first byte's address.</param>
    /// <param name="last">The last byte's address.</param>
    /// <param name="needed">Flags of <see cref="ProcmapQuery"/>.</param>
    /// <param name="isFit">A further condition on each mapping; null for none.</param>
    /// <param name="first">The mapping of the first byte.</param>
    public bool Covers(ulong start, ulong last, ulong needed, Func<ProcmapQuery, bool>? isFit, out ProcmapQuery first)
    {
        first = default;
        IReadOnlyList<ProcmapQuery>? text = null;
        for (ulong at = start; ;)
        {
            if (!TryFind(at, ref text, out ProcmapQuery mapping)) return false;
            if (at == start) first = mapping;
            if ((mapping.Flags & needed) != needed || isFit?.Invoke(mapping) == false) return false;
            if (mapping.End - 1 >= last) return true;
            at = mapping.End;
        }
    }

    /// <summary>Whether the process itself could write all of the bytes.</summary>
    public bool CanWrite(ulong start, ulong length) =>
        length != 0 && start + (length - 1) >= start
        && Covers(start, start + (length - 1), ProcmapQuery.Writable, null, out _);

    /// <summary>The mappings that overlap a range, in ascending order. Unmapped parts are left out.</summary>
    public IEnumerable<ProcmapQuery> Within(ulong start, ulong length)
    {
        ulong last = start + (length - 1);
        IReadOnlyList<ProcmapQuery>? text = null;
        for (ulong at = start; at <= last && TryFind(at, ref text, out ProcmapQuery mapping, next: true)
            && mapping.Start <= last; at = mapping.End)
            yield return mapping;
    }

    /// <summary>Whether the process has any of these bytes of a file mapped.</summary>
    public bool HasFile(ulong device, ulong inode, ulong offset, ulong length)
    {
        foreach (ProcmapQuery mapping in ReadText())
        {
            if (mapping.Inode == inode && StatMode.MakeDev(mapping.DeviceMajor, mapping.DeviceMinor) == device
                && mapping.Offset < offset + length && offset < mapping.Offset + (mapping.End - mapping.Start))
                return true;
        }

        return false;
    }

    public void Dispose() => file.Dispose();

    private bool TryFind(ulong address, ref IReadOnlyList<ProcmapQuery>? text, out ProcmapQuery mapping,
        bool next = false)
    {
        if (!s_textOnly)
        {
            mapping = new ProcmapQuery
            {
                Size = 104,
                QueryAddress = address,
                QueryFlags = next ? ProcmapQuery.CoveringOrNext : 0
            };
            Errno errno = SysFiles.Ioctl(file, ProcmapQuery.Command, ref mapping).Errno;
            if (errno != Errno.ENOTTY) return errno == Errno.None;
            s_textOnly = true;
        }

        return TryFind(text ??= ReadText(), address, out mapping, next);
    }

    private static bool TryFind(IReadOnlyList<ProcmapQuery> mappings, ulong address, out ProcmapQuery found, bool next)
    {
        foreach (ProcmapQuery mapping in mappings)
        {
            if (address >= mapping.End || (address < mapping.Start && !next)) continue;
            found = mapping;
            return true;
        }

        found = default;
        return false;
    }

    /// <summary>The text of the file.</summary>
    public string ReadAll() => Encoding.UTF8.GetString(ReadBytes());

    private List<ProcmapQuery> ReadText() => Parse(ReadBytes());

    private ReadOnlySpan<byte> ReadBytes()
    {
        var bytes = new byte[1 << 16];
        int length = 0;
        while (true)
        {
            if (length == bytes.Length) Array.Resize(ref bytes, 2 * bytes.Length);
            SysResult got = SysFiles.ReadAt(file, bytes.AsSpan(length), (ulong)length);
            if (!got.IsOk || got.Value == 0) break;
            length += (int)got.Value;
        }

        return bytes.AsSpan(0, length);
    }

    /// <summary>Parses the text of /proc/PID/maps: <c>start-end rwxp offset major:minor inode path</c>.</summary>
    internal static List<ProcmapQuery> Parse(ReadOnlySpan<byte> text)
    {
        var mappings = new List<ProcmapQuery>();
        while (!text.IsEmpty)
        {
            int end = text.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = end < 0 ? text : text[..end];
            text = end < 0 ? default : text[(end + 1)..];
            var mapping = new ProcmapQuery { Start = Hex(ref line), End = Hex(ref line) };
            if (line.Length < 5) continue;
            if (line[0] == 'r') mapping.Flags |= ProcmapQuery.Readable;
            if (line[1] == 'w') mapping.Flags |= ProcmapQuery.Writable;
            if (line[3] == 's') mapping.Flags |= ProcmapQuery.Shared;
            line = line[5..];
            mapping.Offset = Hex(ref line);
            mapping.DeviceMajor = (uint)Hex(ref line);
            mapping.DeviceMinor = (uint)Hex(ref line);
            _ = Utf8Parser.TryParse(line, out mapping.Inode, out _);
            mappings.Add(mapping);
        }

        return mappings;
    }

    // Parses a hexadecimal number and skips the character after it.
    private static ulong Hex(ref ReadOnlySpan<byte> line)
    {
        _ = Utf8Parser.TryParse(line, out ulong value, out int used, 'x');
        line = line.Length > used ? line[(used + 1)..] : default;
        return value;
    }
}
