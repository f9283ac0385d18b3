namespace Ioasis.Linux.Memory;

/// <summary>
/// Faults in pages of another process, as pinning would (Linux: pin_user_pages), and finds out which pages cannot be
/// pinned: device registers, the kernel's own pages and secret memory.
/// </summary>
internal sealed class PageBringer
{
    private const ulong PageSize = 4096;

    // The most pages that one call examines, and the most that it faults in. A device's access faults in the pages
    // beyond.
    private const ulong MostPages = 1 << 20, MostBrought = 1 << 18;
    private const int Few = 16, OtherThreads = 16;

    private readonly int _process;
    private volatile int _thread;

    /// <param name="process">ID of the process. If the ID has been recycled no harm is done: no byte changes, and none
    /// is used.</param>
    internal PageBringer(int process) => _process = _thread = process;

    /// <summary>Faults in pages and waits for them; false if one cannot be provided.</summary>
    /// <param name="start">Address of the first byte. The bytes are readable and in one mapping.</param>
    /// <param name="last">Address of the last byte.</param>
    /// <param name="present">Tells which pages are present already; null if unknown.</param>
    /// <param name="ended">Tells whether the process has ended.</param>
    internal bool TryBring(ulong start, ulong last, PageMap? present, Func<bool> ended)
    {
        Span<ulong> touched = stackalloc ulong[SysMemory.MostTouched];
        Span<ulong> entries = stackalloc ulong[PageMap.MostEntries];
        ulong at = start & ~(PageSize - 1), pages = Math.Min((last - at) / PageSize + 1, MostPages), brought = 0;
        bool known = pages > Few && present is not null;
        int count = 0;
        for (ulong page = 0; page < pages && brought < MostBrought; page++)
        {
            int entry = (int)(page % PageMap.MostEntries);
            ulong address = at + (page * PageSize);
            if (known && entry == 0)
                known = present!.TryRead(address, entries[..(int)Math.Min(PageMap.MostEntries, pages - page)]);
            // The first page of a mapping is always touched: it tells whether the mapping can be pinned at all.
            if (page != 0 && known && PageMap.IsPresentIn(entries[entry])) continue;
            touched[count++] = Math.Max(address, start);
            brought++;
            if (count < touched.Length) continue;
            if (!TryTouch(touched) || ended()) return false;
            count = 0;
        }

        return count == 0 || TryTouch(touched[..count]);
    }

    /// <summary>Faults in pages for a write. Does not tell whether that succeeded.</summary>
    internal void BringForWrite(ulong start, ulong last)
    {
        for (ulong at = start; ; at = (at & ~(PageSize - 1)) + PageSize)
        {
            SysMemory.TouchForWrite(_thread, at);
            if ((at | (PageSize - 1)) >= last) return;
        }
    }

    private bool TryTouch(ReadOnlySpan<ulong> pages)
    {
        int done = SysMemory.TouchPages(_thread, pages);
        if (done == pages.Length) return true;
        if (done == 0 && _thread == _process && TryOtherThread(pages[0])) done = SysMemory.TouchPages(_thread, pages);
        while (done != 0 && done < pages.Length)
        {
            // A call also ends early after a long wait, so continue after the last page touched.
            pages = pages[done..];
            done = SysMemory.TouchPages(_thread, pages);
        }

        return done != 0;
    }

    // If the first thread ended before the others, its ID leads to no memory. Use another thread's.
    private bool TryOtherThread(ulong page)
    {
        try
        {
            foreach (string path in Directory.EnumerateDirectories($"/proc/{_process}/task").Take(OtherThreads))
            {
                if (!int.TryParse(Path.GetFileName(path), out int thread) || thread == _process
                    || SysMemory.TouchPages(thread, [page]) == 0) continue;
                _thread = thread;
                return true;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The process has just ended.
        }

        return false;
    }
}
