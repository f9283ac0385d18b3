using Ioasis.Linux.Files;
using Ioasis.Memory;

namespace Ioasis.Linux.Memory;

/// <summary>Faulting pages in, and whether they are there.</summary>
internal sealed partial class ProcessMemory
{
    /// <inheritdoc/>
    internal override bool IsPresent(Hva address)
    {
        try
        {
            return _gone || PresentPages is not { } pages || pages.IsPresent(address.Value);
        }
        catch (ObjectDisposedException)
        {
            return true; // the process has just ended
        }
    }

    /// <inheritdoc/>
    internal override bool TryBring(Hva address, ulong length, bool write, CancellationToken stop) =>
        length != 0 && CanBring(address.Value, length, write)
        && _waits.Await(() => TryBringNow(address.Value, length, write), stop);

    // If it is opened after an exec, it may belong to the new program. That is harmless: all accesses fail then anyhow.
    private PageMap? PresentPages
    {
        get
        {
            if (_pages is { } known) return known;
            if (PageMap.TryOpen(_directory) is not { } opened) return null;
            if (Interlocked.CompareExchange(ref _pages, opened, null) is not null || _gone) opened.Dispose();
            return _pages;
        }
    }

    /// <summary>
    /// Faults in bytes that are about to be mapped for DMA, as pinning does, and waits for them on the calling thread;
    /// false if that is impossible (Linux: pin_user_pages).
    /// </summary>
    /// <param name="start">The first byte's address.</param>
    /// <param name="length">Bytes, not 0.</param>
    /// <param name="first">The mapping of the first byte.</param>
    /// <param name="writable">Whether devices may write them.</param>
    /// <param name="ofFiles">Whether some are private pages of files, which must be read again if the host reclaims
    /// them.</param>
    internal bool TryBringAll(ulong start, ulong length, in ProcmapQuery first, bool writable, out bool ofFiles)
    {
        ulong last = start + (length - 1);
        ofFiles = false;
        try
        {
            if (first.End - 1 >= last) return TryBringAll(first, start, last, writable, ref ofFiles);
            foreach (ProcmapQuery mapping in Mappings(start, length))
                if (!TryBringAll(mapping, Math.Max(start, mapping.Start), Math.Min(last, mapping.End - 1), writable,
                    ref ofFiles)) return false;
            return !_gone;
        }
        catch (ObjectDisposedException)
        {
            return false; // the process has just ended
        }
    }

    /// <summary>Whether all pages of the bytes are present.</summary>
    internal bool ArePresent(ulong address, int count)
    {
        ulong last = address + (uint)count - 1;
        for (ulong at = address & ~(PageSize - 1); at <= last; at += PageSize)
            if (!IsPresent(new Hva(at))) return false;
        return true;
    }

    private bool TryBringNow(ulong address, ulong length, bool write)
    {
        if (!CanBring(address, length, write)) return false;
        ulong last = address + (length - 1);
        // Write-only memory cannot be touched by a read.
        if (Covers(address, length, ProcmapQuery.Readable) && !_bringer.TryBring(address, last, null, () => _gone))
            return false;
        if (write) _bringer.BringForWrite(address, last);
        return true;
    }

    // Unmapped memory, or memory without the permission, cannot be faulted in.
    private bool CanBring(ulong address, ulong length, bool write) =>
        !_gone && Covers(address, length, write ? ProcmapQuery.Writable : ProcmapQuery.Readable);

    private bool TryBringAll(in ProcmapQuery mapping, ulong start, ulong last, bool writable, ref bool ofFiles)
    {
        bool isFile = mapping.Inode != 0, isShared = (mapping.Flags & ProcmapQuery.Shared) != 0;
        ofFiles |= isFile && !isShared;
        // A file system would not learn that a device wrote to a page that it believes to be clean (Linux:
        // writable_file_mapping_allowed).
        if (writable && isFile && isShared
            && !FileSystems.IsInMemory(_directory, mapping.DeviceMajor, mapping.DeviceMinor)) return false;
        if ((mapping.Flags & ProcmapQuery.Readable) != 0)
            return _bringer.TryBring(start, last, PresentPages, () => _gone);

        // A read that ignores permissions does not wait for pages, so fault the page in for a write first.
        _bringer.BringForWrite(start, Math.Min(last, start | (PageSize - 1)));
        Span<byte> one = stackalloc byte[1];
        return !_gone && SysFiles.ReadAt(_memory, one, start).Value == 1;
    }
}
