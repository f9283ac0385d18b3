using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Ioasis.Abi;
using Ioasis.Diagnostics.Record;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Files;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Recording;

/// <summary>
/// The nodes of the kernel beneath that traced programs have open. We hold none of them open: that would keep a device
/// busy that its program has closed. Instead each has a mark, a lock on one byte of the open file (F_OFD_SETLK). The
/// kernel shows it in <c>fdinfo</c> of each descriptor of the file, and drops it with the last one.
/// </summary>
/// <param name="recorder">Is told of files that open and close.</param>
/// <param name="shapesOf">Says which paths are nodes; null for those of <see cref="NodeShapes"/>.</param>
internal sealed class SystemFiles(SystemRecorder recorder, Func<string, Func<uint, IoctlShape?>?>? shapesOf = null)
{
    private readonly Func<string, Func<uint, IoctlShape?>?> _shapesOf = shapesOf ?? NodeShapes.Of;
    private readonly Dictionary<ulong, NodeFile> _byMark = [];

    /// <summary>Whether a node is open, as far as we know.</summary>
    public bool HasAny => _byMark.Count != 0;

    /// <summary>Tells of the files that were closed since this was called last.</summary>
    public void Look()
    {
        if (!HasAny) return;
        HashSet<ulong> locked = [.. File.ReadLines("/proc/locks").Select(MarkOf).OfType<ulong>()];
        foreach ((ulong mark, NodeFile file) in _byMark.Where(f => !locked.Contains(f.Key)).ToArray())
            Close(mark, file);
    }

    /// <summary>Tells that all files are closed.</summary>
    public void CloseAll()
    {
        foreach ((ulong mark, NodeFile file) in _byMark.ToArray()) Close(mark, file);
    }

    /// <summary>The node behind a descriptor of a thread that has stopped; null if it is none, or not open.</summary>
    /// <param name="process">Its process.</param>
    /// <param name="thread">The thread.</param>
    /// <param name="descriptor">The descriptor.</param>
    /// <param name="byCall">Whether an ioctl has just returned it.</param>
    public NodeFile? Find(TracedProcess process, int thread, int descriptor, bool byCall = false) =>
        PathOf(thread, descriptor) is { } path ? Find(process, thread, descriptor, path, byCall) : null;

    /// <summary>What is behind a descriptor of a thread that has stopped; null if it is not open.</summary>
    public IOpenFile? Look(TracedProcess process, int thread, int descriptor, bool byCall)
    {
        if (PathOf(thread, descriptor) is not { } path) return null;
        if (Find(process, thread, descriptor, path, byCall) is { } node) return node;
        if (path == "anon_inode:[eventfd]") return NamedEvent.Instance;
        if (!process.TryFetch(descriptor, out FileDescriptor file)) return OtherFile.Instance;
        using (file)
            return SysFiles.Fcntl(file, FcntlH.F_GET_SEALS).IsOk ? NamedMemory.Instance : OtherFile.Instance;
    }

    private NodeFile? Find(TracedProcess process, int thread, int descriptor, string path, bool byCall)
    {
        bool isQueue = NodeShapes.IsQueue(path);
        Func<uint, IoctlShape?>? shapes = isQueue ? null : _shapesOf(path);
        if (shapes is null && !isQueue) return null;
        foreach (ulong known in MarksOf(thread, descriptor))
            if (_byMark.TryGetValue(known, out NodeFile? file)) return file;
        if (!process.TryFetch(descriptor, out FileDescriptor fetched)) return null;
        ulong mark;
        using (fetched)
            if (!TryMark(fetched, out mark)) return null;
        NodeFile made = isQueue ? new SystemQueue(path) : new SystemFile(
            shapes!, hasMessages: path.StartsWith("/dev/vhost-", StringComparison.Ordinal));
        _byMark.Add(mark, made);
        string name = isQueue ? path["anon_inode:".Length..] : path;
        recorder.Opened(name, made, SystemDevices.OfNode(path), byCall);
        return made;
    }

    private void Close(ulong mark, NodeFile file)
    {
        _byMark.Remove(mark);
        recorder.Closed(file);
    }

    private static string? PathOf(int thread, int descriptor)
    {
        if (descriptor < 0) return null;
        Span<byte> text = stackalloc byte[4096];
        SysResult got = SysFiles.ReadLink(
            string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/fd/{descriptor}"), text);
        return got.IsOk ? Encoding.UTF8.GetString(text[..(int)got.Value]) : null;
    }

    private static IEnumerable<ulong> MarksOf(int thread, int descriptor)
    {
        try
        {
            return [.. File.ReadLines(string.Create(
                CultureInfo.InvariantCulture, $"/proc/{thread}/fdinfo/{descriptor}")).Select(MarkOf).OfType<ulong>()];
        }
        catch (IOException) // the thread was killed meanwhile
        {
            return [];
        }
    }

    /// <summary>
    /// The byte that a line of /proc/locks or fdinfo says to be locked by an open file; null for none.
    /// </summary>
    internal static ulong? MarkOf(string line)
    {
        // "1: OFDLCK  ADVISORY  WRITE -1 00:05:123 FIRST LAST", in fdinfo after "lock:"
        string[] words = line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        int kind = Array.IndexOf(words, "OFDLCK");
        return kind >= 0 && kind + 5 < words.Length
            && ulong.TryParse(words[kind + 5], CultureInfo.InvariantCulture, out ulong first)
            ? first
            : null;
    }

    // A number that nobody guesses is no other program's lock.
    private static bool TryMark(FileDescriptor file, out ulong mark)
    {
        Span<byte> random = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(random);
        mark = BitConverter.ToUInt64(random) >> 2;
        return SysFiles.LockByte(file, mark) == Errno.None
            || SysFiles.LockByte(file, mark, shared: true) == Errno.None;
    }
}
