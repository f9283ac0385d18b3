using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Memory.Threads;

namespace Ioasis.Linux.Memory;

/// <summary>
/// Views of files that survive the loss of a page. A program can truncate its file, or punch a hole in it while no
/// page is free. A load or store of ours on such a page raises SIGBUS, which would end the process. For a guarded view
/// the handler replaces what is lost by private pages of zeros, and the access goes on. So a device that uses pinned
/// pages goes on too when Linux truncates their file: its pages belong to no file from then on.
/// </summary>
/// <remarks>
/// The handler (<see cref="BusErrorCode"/>) does the following.
/// <list type="number">
/// <item>It looks for the view of the address. If there is none, the former handler (the .NET runtime's) has the
/// signal.</item>
/// <item>It counts the fault. From then on the view is not intact, and no new mapping uses it.</item>
/// <item>If the file ends before the page, it replaces all from the end of the file on.</item>
/// <item>Otherwise no page could be had at that moment. It asks for the page again, and replaces that page alone if
/// there is none. After <see cref="BusErrorCode.MostLonePages"/> such pages it replaces the view: a page amid others
/// takes two mappings of the process, whose number the host limits.</item>
/// </list>
/// Two rules make that right.
/// <list type="number">
/// <item>Whoever accesses a view holds it, so the view of a fault is not removed before the handler returns. Views do
/// not overlap, so an entry that is being replaced on another thread is not mistaken for it.</item>
/// <item>A fault is counted before the handler looks at the file. A new mapping looks at the file first, and then
/// whether the view is intact. So the mapping sees the fault, or the handler sees the file as the mapping did and
/// replaces nothing that was in it.</item>
/// </list>
/// </remarks>
internal static unsafe partial class GuardedViews
{
    private const int SIGBUS = 7, SA_SIGINFO = 4, MostViews = (1 << 14) - 1;
    private const ulong CodeSize = 4096;

    // Guards the installation, the free entries and all writes to the table. Innermost.
    private static readonly RankedLock s_lock = new(LockRank.GuardedViews);
    private static readonly Stack<int> s_free = [];

    // The header, and an entry for each view. Mapped for good, as the handler reads it at any time.
    private static nint s_table;
    private static bool s_isUnavailable;
    private static int s_used;

    /// <summary>
    /// Guards a view; -1 if that is impossible: too many views, another architecture, or a host that forbids code in
    /// memory.
    /// </summary>
    /// <param name="address">The view's address, a multiple of the page size.</param>
    /// <param name="length">Bytes, a multiple of the page size.</param>
    /// <param name="pageSize">Size of the file's pages.</param>
    /// <param name="file">The file. It stays open until <see cref="Remove"/>.</param>
    /// <param name="offset">The view's first byte in the file, a multiple of the page size.</param>
    internal static int Add(nint address, ulong length, ulong pageSize, FileDescriptor file, ulong offset)
    {
        using (s_lock.Enter())
        {
            if (!TryInstall()) return -1;
            if (!s_free.TryPop(out int view))
            {
                if (s_used == MostViews) return -1;
                view = ++s_used;
                Set(0, BusErrorCode.UsedEnd, (ulong)(s_table + ((view + 1) * BusErrorCode.EntrySize)));
            }

            ulong start = (ulong)address;
            Set(view, BusErrorCode.Start, start);
            Set(view, BusErrorCode.PageMask, ~(pageSize - 1));
            Set(view, BusErrorCode.File, (ulong)file.Number);
            Set(view, BusErrorCode.LostFrom, start + length);
            Set(view, BusErrorCode.Faults, 0);
            Set(view, BusErrorCode.Offset, offset);
            Set(view, BusErrorCode.LonePages, 0);
            Set(view, BusErrorCode.End, start + length); // last: an entry whose end is 0 has no address
            return view;
        }
    }

    /// <summary>Guards a view no longer. Nothing accesses it any more.</summary>
    internal static void Remove(int view)
    {
        using (s_lock.Enter())
        {
            Set(view, BusErrorCode.End, 0);
            s_free.Push(view);
        }
    }

    /// <summary>Whether no page of a view was ever replaced.</summary>
    internal static bool IsIntact(int view) => Volatile.Read(ref At(view, BusErrorCode.Faults)) == 0;

    private static void Set(int view, int field, ulong value) => Volatile.Write(ref At(view, field), value);

    // SAFETY: the table has MostViews entries after its header, and is never unmapped. The callers pass a view that Add
    // returned or is making, or 0 for the header.
    private static ref ulong At(int view, int field) =>
        ref Unsafe.AsRef<ulong>((void*)(s_table + (view * BusErrorCode.EntrySize) + field));

    private static bool TryInstall()
    {
        if (s_table != 0 || s_isUnavailable) return s_table != 0;
        s_isUnavailable = true; // unless all of it succeeds
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64) return false;

        // The former handler stays the last resort, with its own flags: it runs on the thread's stack, so ours does.
        SignalAction former = default;
        if (sigaction(SIGBUS, null, &former) != 0 || (former.Flags & SA_SIGINFO) == 0 || former.Handler == 0)
            return false;
        using var none = new FileDescriptor(-1, owned: false);
        const int Usable = SysMemory.PROT_READ | SysMemory.PROT_WRITE;
        const int Own = SysMemory.MAP_PRIVATE | SysMemory.MAP_ANONYMOUS;
        if (SysMemory.Map(none, 0, CodeSize, Usable, Own, out nint code) != Errno.None) return false;
        if (SysMemory.Map(none, 0, (MostViews + 1) * BusErrorCode.EntrySize, Usable, Own, out nint table)
            != Errno.None) return false;
        byte[] bytes = BusErrorCode.Make(table);
        // SAFETY: the code is shorter than its new page, and the table has a header. Nobody else knows either yet.
        bytes.CopyTo(new Span<byte>((void*)code, bytes.Length));
        ((ulong*)(table + BusErrorCode.UsedEnd))[0] = (ulong)table + BusErrorCode.EntrySize;
        ((ulong*)(table + BusErrorCode.Former))[0] = (ulong)former.Handler;
        if (SysMemory.Protect(code, CodeSize, SysMemory.PROT_READ | SysMemory.PROT_EXEC) != Errno.None) return false;
        SignalAction action = former;
        action.Handler = code;
        // SAFETY: the handler is complete, and it and its table are never unmapped.
        if (sigaction(SIGBUS, &action, null) != 0) return false;
        s_table = table;
        s_isUnavailable = false;
        return true;
    }

    /// <summary>struct sigaction of libc on x86-64.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct SignalAction
    {
        public nint Handler;
        public SignalSet Mask;
        public int Flags;
        public nint Restorer;
    }

    [InlineArray(16)]
    private struct SignalSet
    {
        private ulong _word;
    }

    [LibraryImport("libc")]
    private static partial int sigaction(int signal, SignalAction* action, SignalAction* former);
}
