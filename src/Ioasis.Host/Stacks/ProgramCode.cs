using System.Globalization;
using System.Text;
using Ioasis.Abi;
using Ioasis.Diagnostics.Stacks;
using Ioasis.Host.Callers;
using Ioasis.Linux.Files;
using Ioasis.Linux.Processes;
using Ioasis.Linux.Unwinding;

namespace Ioasis.Host.Stacks;

/// <summary>
/// The code of one program: which files are mapped where. It outlives the process, so that names can be found at the
/// end. A file is opened when one of its functions is first seen in a stack.
/// </summary>
/// <remarks>One thread at a time may use it (<see cref="CallStacks"/>).</remarks>
internal sealed class ProgramCode
{
    private const int MostFrames = 128, MostFiles = 256, MostRanges = 4096, MostReadings = 1024, MostNames = 1 << 16;
    private const int MostSeen = 1024, MostReads = 1024;
    private const ulong PageSize = 4096;

    private readonly CallerProcess _process;
    private readonly List<CodeMapping> _added = [];
    private readonly List<(ulong Start, ulong End)> _known = [];
    private readonly Dictionary<ulong, SeenStack> _seen = [];
    private readonly Dictionary<(ulong Pc, bool IsReturn), CodeFrame> _names = [];
    private List<CodeMapping> _mappings;
    private int _readings;
    private UnwindSession? _session;
    private PerfMap? _perfMap;
    private long _perfMapSize = -1;

    /// <summary>Reads what the process has mapped, while one of its threads is stopped.</summary>
    public ProgramCode(CallerProcess process) =>
        (_process, _mappings) = (process, CodeMapping.Parse(process.Memory.ReadMaps()));

    /// <summary>The process. It may have ended.</summary>
    public CallerProcess Process => _process;

    /// <summary>Whether files are open.</summary>
    public bool IsOpen => _session is not null;

    /// <summary>Unwinds a stack.</summary>
    /// <returns>The program counters, innermost first.</returns>
    public ReadOnlySpan<ulong> Unwind(CapturedStack stack)
    {
        ThreadRegisters registers = stack.Registers;
        ulong key = KeyOf(registers);
        var source = new StackSource(this, stack);
        if (_seen.TryGetValue(key, out SeenStack? seen) && seen.Is(registers, source)) return seen.Frames;

        var frames = new ulong[MostFrames];
        int count = 0;
        for (int files = 0; files <= MostFiles && Open() is { } session; files++)
        {
            source.Reads.Clear();
            count = session.Unwind(registers, source, frames, out ulong? unknown);
            if (unknown is not { } pc) break;
            Add(pc);
        }

        if (source.Reads.Count <= MostReads)
        {
            if (_seen.Count == MostSeen) _seen.Clear();
            _seen[key] = new SeenStack(registers, [.. source.Reads], frames[..count]);
        }

        return frames.AsSpan(0, count);
    }

    /// <summary>A frame with its names.</summary>
    /// <param name="pc">The program counter.</param>
    /// <param name="isReturn">Whether it is the address after a call.</param>
    public CodeFrame FrameOf(ulong pc, bool isReturn)
    {
        if (_names.TryGetValue((pc, isReturn), out CodeFrame? known)) return known;
        CodeMapping? mapping = MappingAt(isReturn ? pc - 1 : pc);
        CodeFrame frame = mapping is null || mapping.Inode == 0
            || mapping.Path.StartsWith("/memfd:", StringComparison.Ordinal)
            ? FrameOfMade(pc, mapping)
            : new CodeFrame(pc, mapping.Path, pc - mapping.Start + mapping.Offset,
                Open()?.Locate(pc, isReturn) ?? CodeLocation.Unknown);
        if (_names.Count == MostNames) _names.Clear();
        return _names[(pc, isReturn)] = frame;
    }

    /// <summary>Closes the files, and forgets what can be found again. Another call opens them again.</summary>
    public void Close()
    {
        _seen.Clear();
        _names.Clear();
        (_perfMap, _perfMapSize) = (null, -1);
        _session?.Dispose();
        _session = null;
    }

    /// <summary>Whether code has been added, or cannot be.</summary>
    internal bool IsKnown(ulong pc)
    {
        foreach ((ulong start, ulong end) in _known)
            if (pc >= start && pc < end) return true;
        return false;
    }

    private static ulong KeyOf(in ThreadRegisters r) => unchecked((ulong)HashCode.Combine(r.Rip, r.Rsp, r.Rbp, r.Rbx));

    private UnwindSession? Open()
    {
        if (_session is not null) return _session;
        _session = UnwindSession.TryBegin();
        foreach (CodeMapping mapping in _added) AddTo(_session, mapping);
        return _session;
    }

    private void Add(ulong pc)
    {
        CodeMapping? mapping = MappingAt(pc);
        if (_known.Count < MostRanges)
            _known.Add(mapping is null
                ? (pc & ~(PageSize - 1), (pc | (PageSize - 1)) + 1)
                : (mapping.Start, mapping.End));
        if (mapping is null || mapping.Inode == 0 || _added.Count == MostFiles) return;
        _added.Add(mapping);
        AddTo(_session, mapping);
    }

    private void AddTo(UnwindSession? session, CodeMapping mapping)
    {
        if (session is not null && TryOpen(mapping, out FileDescriptor? file))
            session.TryAdd(mapping.Path, file!, mapping.ModuleStart);
    }

    private CodeMapping? MappingAt(ulong pc)
    {
        CodeMapping? found = _mappings.Find(m => pc >= m.Start && pc < m.End);
        if (found is not null || IsKnown(pc) || _readings == MostReadings) return found;
        // The process has mapped more meanwhile. What it had before stays: there may be stacks in it.
        _readings++;
        List<CodeMapping> now = CodeMapping.Parse(_process.Memory.ReadMaps());
        _mappings.AddRange(now.Where(n => !_mappings.Exists(m => m.Start < n.End && n.Start < m.End)));
        return _mappings.Find(m => pc >= m.Start && pc < m.End);
    }

    private bool TryOpen(CodeMapping mapping, out FileDescriptor? file)
    {
        string[] paths =
        [
            string.Create(CultureInfo.InvariantCulture,
                $"/proc/{_process.Pid}/map_files/{mapping.Start:x}-{mapping.End:x}"),
            string.Create(CultureInfo.InvariantCulture, $"/proc/{_process.Pid}/root{mapping.Path}"),
            mapping.Path,
        ];
        foreach (string path in paths)
            if (TryOpen(path, mapping, out file)) return true;
        file = null;
        return false;
    }

    // A path may lead to another file by now. Some file systems show another device in the maps than in stat(2).
    private static bool TryOpen(string path, CodeMapping mapping, out FileDescriptor? file)
    {
        if (SysFiles.Stat(path, follow: true, out LinuxStat stat) == Errno.None && IsThat(stat)
            && SysFiles.Open(path, FcntlH.O_RDONLY | FcntlH.O_NONBLOCK | FcntlH.O_CLOEXEC, out file) == Errno.None)
        {
            if (SysFiles.Stat(file, out stat) == Errno.None && IsThat(stat)) return true;
            file.Dispose();
        }

        file = null;
        return false;

        bool IsThat(in LinuxStat stat) => (stat.Mode & StatMode.S_IFMT) == StatMode.S_IFREG
            && (stat.Ino == mapping.Inode
                || stat.Dev != StatMode.MakeDev(mapping.DeviceMajor, mapping.DeviceMinor));
    }

    // Code that is of no file: the kernel's, or what a runtime compiled.
    private CodeFrame FrameOfMade(ulong pc, CodeMapping? mapping)
    {
        if (mapping?.Path is ['[', ..] name) // [vdso], [anon:name]
            return new CodeFrame(pc, name, pc - mapping.Start, CodeLocation.Unknown);
        string file = string.Create(CultureInfo.InvariantCulture, $"/tmp/perf-{_process.Pid}.map");
        ReadPerfMap(file);
        return _perfMap?.TryFind(pc, out string function, out ulong offset) == true
            ? new CodeFrame(pc, file, pc, CodeLocation.Unknown with { Symbol = function, Offset = offset })
            : new CodeFrame(pc, "?", pc, CodeLocation.Unknown,
                "compiled at run time; .NET names it with DOTNET_PerfMapEnabled=1");
    }

    private void ReadPerfMap(string file)
    {
        // Everybody can put files into that folder: neither a link nor a pipe is followed, nor a file of any size read.
        const long Most = 64 << 20;
        if (SysFiles.Open(file, FcntlH.O_RDONLY | FcntlH.O_NOFOLLOW | FcntlH.O_NONBLOCK | FcntlH.O_CLOEXEC,
            out FileDescriptor opened) != Errno.None) return;
        using (opened)
        {
            if (SysFiles.Stat(opened, out LinuxStat stat) != Errno.None || stat.Size == _perfMapSize
                || (stat.Mode & StatMode.S_IFMT) != StatMode.S_IFREG || stat.Size > Most) return;
            var bytes = new byte[stat.Size];
            int length = 0;
            while (SysFiles.ReadAt(opened, bytes.AsSpan(length), (ulong)length) is { Value: > 0 } got)
                length += (int)got.Value;
            _perfMap = new PerfMap(Encoding.UTF8.GetString(bytes, 0, length).Split('\n'));
            _perfMapSize = stat.Size;
        }
    }

    /// <summary>The memory of a stopped thread: what was copied, and the rest as it is now.</summary>
    private sealed class StackSource(ProgramCode code, CapturedStack stack) : IStackSource
    {
        public List<(ulong Address, ulong Value)> Reads { get; } = [];

        public bool TryRead(ulong address, out ulong value)
        {
            if (!TryPeek(address, out value)) return false;
            if (Reads.Count <= MostReads) Reads.Add((address, value));
            return true;
        }

        public bool IsKnown(ulong pc) => code.IsKnown(pc);

        internal bool TryPeek(ulong address, out ulong value)
        {
            ulong at = address - stack.Registers.Rsp;
            if (at < (ulong)stack.Bytes.Length && at + sizeof(ulong) <= (ulong)stack.Bytes.Length)
            {
                value = BitConverter.ToUInt64(stack.Bytes, (int)at);
                return true;
            }

            Span<byte> bytes = stackalloc byte[sizeof(ulong)];
            bool isThere = code._process.Memory.TryReadPinned(address, bytes);
            value = BitConverter.ToUInt64(bytes);
            return isThere;
        }
    }

    /// <summary>
    /// A stack that was unwound, with all that the result depended on. If that is the same, so is the stack.
    /// </summary>
    private sealed class SeenStack(ThreadRegisters registers, (ulong Address, ulong Value)[] reads, ulong[] frames)
    {
        public ulong[] Frames => frames;

        public bool Is(in ThreadRegisters now, StackSource source)
        {
            // Those that a function keeps for its caller. What it may change says nothing of its caller's frame.
            if (now.Rip != registers.Rip || now.Rsp != registers.Rsp || now.Rbp != registers.Rbp
                || now.Rbx != registers.Rbx || now.R12 != registers.R12 || now.R13 != registers.R13
                || now.R14 != registers.R14 || now.R15 != registers.R15) return false;
            foreach ((ulong address, ulong value) in reads)
                if (!source.TryPeek(address, out ulong present) || present != value) return false;
            return true;
        }
    }
}
