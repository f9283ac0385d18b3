using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Memory;

namespace Ioasis.Linux.Memory;

/// <summary>Tracing of shared memory to its files.</summary>
internal sealed partial class ProcessMemory
{
    // The most files that are mapped one after the other for one run of bytes.
    private const int MostParts = 1024;

    /// <summary>The process's share of files that we hold open, and of views.</summary>
    internal FileShare Files { get; } = new();

    /// <inheritdoc/>
    internal override IHeldMemory? TryHoldMapped(Hva start, ulong length, bool writable)
    {
        ulong last = start.Value + (length - 1);
        if (!CanReference(start.Value, length, writable, devices: false, out ProcmapQuery mapping)
            || mapping.Start > start.Value || mapping.End - 1 < last) return null;
        if (IsOfFile(mapping))
            return TryHold(mapping, writable) is { } file
                ? MappedRun.TryHold(file, unchecked(mapping.Start - mapping.Offset), start.Value, length, writable)
                : null;
        // A page of a file may be reclaimed and would have to be looked for at each access.
        bool isPlain = mapping.Inode == 0
            && (mapping.Flags & (ProcmapQuery.Shared | ProcmapQuery.Readable)) == ProcmapQuery.Readable;
        return isPlain && TryBringAll(start.Value, length, mapping, writable, out _) ? PrivateOf(writable) : null;
    }

    private PrivateMemory PrivateOf(bool writable)
    {
        ref PrivateMemory? known = ref writable ? ref _writable : ref _readable;
        return Volatile.Read(ref known)
            ?? Interlocked.CompareExchange(ref known, new PrivateMemory(this, writable), null) ?? known;
    }

    /// <inheritdoc/>
    internal override MemoryBacking Reference(Hva start, ulong length, bool writable, IHeldMemory held)
    {
        if (held is not MappedRun run) return Reference(start, length, writable); // nobody holds private memory
        MemoryBacking traced = run.Reference(start.Value, length, writable);
        return new ProcessBacking(this, start, length, writable, devices: false, traced);
    }

    /// <summary>
    /// The bytes of the files that the process shares here; null if some are not of a file, a file cannot be found, or
    /// the process has used up its share of files.
    /// </summary>
    /// <param name="mapping">The mapping of the first byte.</param>
    /// <param name="start">The first byte's address.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="writable">Whether devices may write them.</param>
    internal MemoryBacking? TryTrace(in ProcmapQuery mapping, ulong start, ulong length, bool writable)
    {
        ulong last = start + (length - 1);
        if (!IsOfFile(mapping)) return null;
        if (mapping.End - 1 >= last)
        {
            return TryHold(mapping, writable) is { } file
                ? new FileBacking(file, mapping.Offset + (start - mapping.Start), length, writable)
                : null;
        }

        List<ProcmapQuery> mappings = Mappings(start, length);
        if (mappings.Count > MostParts || !mappings.TrueForAll(IsOfFile)) return null;
        var parts = new List<FilePart>(mappings.Count);
        ulong at = start;
        foreach (ProcmapQuery one in mappings)
        {
            if (one.Start > at || TryHold(one, writable) is not { } file) break;
            ulong bytes = Math.Min(last, one.End - 1) - at + 1;
            parts.Add(new FilePart(file, one.Offset + (at - one.Start), bytes));
            at += bytes;
        }

        if (at - start == length) return JoinedBacking.TryMake(start, length, writable, [.. parts], Files);
        foreach (FilePart part in parts) part.File.Release();
        return null;
    }

    /// <summary>Holds the file of a shared mapping; null if it cannot be found, or the share is used up.</summary>
    private HeldFile? TryHold(in ProcmapQuery mapping, bool writable)
    {
        if (_gone) return null;
        try
        {
            var identity = new FileIdentity(StatMode.MakeDev(mapping.DeviceMajor, mapping.DeviceMinor), mapping.Inode);
            if (HeldFile.TryHold(identity, writable) is { } known) return known;
            if (!SharedFile.TryOpen(_directory, mapping, out FileDescriptor? file)) return null;
            using (file)
                return HeldFile.TryHold(file!, writable, Files, out HeldFile? held) == Errno.None ? held : null;
        }
        catch (ObjectDisposedException)
        {
            return null; // the process has just ended
        }
    }

    private static bool IsOfFile(ProcmapQuery mapping) =>
        (mapping.Flags & ProcmapQuery.Shared) != 0 && mapping.Inode != 0;
}
