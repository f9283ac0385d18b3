namespace Ioasis.Linux.Memory;

/// <summary>
/// Makes pages of another process present, as pinning them would (Linux: pin_user_pages), and finds out which can be:
/// not those of a device's registers, nor of the kernel's own, nor secret memory.
/// </summary>
internal sealed class PageBringer
{
    private const ulong PageSize = 4096;

    // What one call looks through, and what it brings. A page beyond that is brought when a device accesses it.
    private const ulong MostPages = 1 << 20, MostBrought = 1 << 18;
    private const int Few = 16, OtherThreads = 16;

    private readonly int _process;
    private volatile int _thread;

    /// <param name="process">Its ID. No harm is done if it has become another's: no byte changes, and none is looked
    /// at.</param>
    internal PageBringer(int process) => _process = _thread = process;

    /// <summary>Brings pages and waits for them; false when one cannot be had.</summary>
    /// <param name="start">Where they begin; they are readable, and of one mapping.</param>
    /// <param name="last">The last byte's address.</param>
    /// <param name="present">Says which are present already, where that is known.</param>
    /// <param name="ended">Whether the process has ended.</param>
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
            // The first of a mapping tells what all are.
            if (page != 0 && known && PageMap.IsPresentIn(entries[entry])) continue;
            touched[count++] = Math.Max(address, start);
            brought++;
            if (count < touched.Length) continue;
            if (!TryTouch(touched) || ended()) return false;
            count = 0;
        }

        return count == 0 || TryTouch(touched[..count]);
    }

    /// <summary>Makes pages ready to be written; whether that can be is not told.</summary>
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
            // It stops where it had to wait long, too.
            pages = pages[done..];
            done = SysMemory.TouchPages(_thread, pages);
        }

        return done != 0;
    }

    // The first thread can have ended before the others: then its ID leads to no memory.
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
            // The process ended just now.
        }

        return false;
    }
}
