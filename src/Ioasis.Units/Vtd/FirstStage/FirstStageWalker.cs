using System.Runtime.CompilerServices;
using Ioasis.Memory;
using Ioasis.PageTables;
using Ioasis.PageTables.X64;

namespace Ioasis.Units.Vtd.FirstStage;

/// <summary>
/// The first-stage walk (VT-d specification, 3.6 and 3.8). It has no state; its callers have the caches.
/// docs/vtd-first-stage.md has the checks and their order.
/// </summary>
internal static class FirstStageWalker
{
    /// <summary>
    /// How often a guest may change an entry during an update before the update fails, so that every walk ends.
    /// </summary>
    internal const int MaxLostUpdates = 16;

    /// <summary>Walks all levels, unobserved.</summary>
    internal static FirstStageTranslation Walk<TMemory>(
        in FirstStageTable table, FirstStageRequest request, ref TMemory memory)
        where TMemory : struct, ITableMemory, allows ref struct
    {
        FirstStageTranslation page = WalkCommon(in table, table.Top, request, memory);
        if (page.Level != 0) return page;
        NoObserver nobody = default;
        return Walk(in table, table.Top, request, ref memory, ref nobody);
    }

    /// <summary>
    /// The common walk: a user's request for a page of 4 KiB, where all entries permit it and have A, EA and D as
    /// needed. It changes nothing and calls nothing, so that all of it stays in registers. It checks an entry by one
    /// comparison.
    /// </summary>
    /// <returns>The page; level 0 if the walk is not common. Then <see cref="Walk{TMemory, TObserver}"/> does
    /// it.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static FirstStageTranslation WalkCommon<TMemory>(
        in FirstStageTable table, FirstStageStep from, FirstStageRequest request, TMemory memory)
        where TMemory : struct, ITableMemory, allows ref struct
    {
        ulong iova = request.Iova.Value, write = (ulong)request.Access, at = from.Table.Value,
            granted = (ulong)from.Rights;
        if (write > (ulong)FirstStageAccess.Write || table.IsRootReserved || !X64Format.IsCanonical(iova, table.Levels)
            || at >= table.SecondStageEnd) return default;
        ulong required = X64Entry.UserBit | (write * X64Entry.WriteBit);
        if ((granted & required) != required) return default;
        ulong common = X64Entry.PresentBit | required | table.Used, looked = common | table.Refused;
        for (int shift = X64Format.PageShift(from.Level) - 3;
            shift != X64Format.PageShift4K - 3; shift -= X64Format.PageShift(2) - X64Format.PageShift(1))
        {
            if (!memory.TryRead(new Gpa(at | ((iova >> shift) & 0xff8)), out ulong entry) || (entry & looked) != common)
                return default;
            granted &= entry;
            at = entry & X64Entry.AddressMask;
        }

        ulong dirty = write * X64Entry.DirtyBit;
        if (!memory.TryRead(new Gpa(at | ((iova >> (X64Format.PageShift4K - 3)) & 0xff8)), out ulong leaf)
            || (leaf & ((looked & ~X64Entry.PageSizeBit) | dirty)) != (common | dirty)) return default;
        return new FirstStageTranslation(1, new Gpa((leaf & X64Entry.AddressMask) | (iova & 0xfff)), leaf,
            granted & leaf);
    }

    /// <summary>Translates a request, and sets A, EA and D in the entries that it uses.</summary>
    /// <param name="table">The first stage.</param>
    /// <param name="from">The start: <see cref="FirstStageTable.Top"/>, or a step that was reported for an address with
    /// the same entries down to there.</param>
    /// <param name="request">The request.</param>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="observer">Sees the entries.</param>
    /// <remarks>
    /// One comparison recognizes nearly all entries; any other is examined. The method is inlined and passes copies by
    /// reference, so that a common walk stays in registers.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static FirstStageTranslation Walk<TMemory, TObserver>(
        in FirstStageTable table, FirstStageStep from, FirstStageRequest request, ref TMemory memory,
        ref TObserver observer)
        where TMemory : struct, ITableMemory, allows ref struct
        where TObserver : struct, IFirstStageObserver, allows ref struct
    {
        ulong iova = request.Iova.Value;
        FirstStageFault fault = Admit(in table, request);
        if (fault != FirstStageFault.None) return Failed(fault, 0, Gpa.Zero);

        X64Rights required = table.Required(request.Access);
        fault = Denied(required, from.Rights);
        if (fault != FirstStageFault.None) return Failed(fault, from.Level + 1, from.Table);

        ulong common = X64Entry.PresentBit | (ulong)required | table.Used;
        ulong looked = common | table.Format.ReservedAddress | X64Entry.PageSizeBit;
        ulong at = from.Table.Value, granted = (ulong)from.Rights;
        for (int level = from.Level; ; level--)
        {
            at |= X64Format.Offset(iova, level);
            if (at >= table.SecondStageEnd) return Failed(FirstStageFault.EntryBeyondSecondStage, level, new Gpa(at));
            TableAccess access = memory.Read(new Gpa(at), out ulong value);
            if (access != TableAccess.Ok) return Failed(ReadFault(access, level == table.Levels), level, new Gpa(at));
            observer.Read(level, new Gpa(at), value);

            bool leaf = level == 1;
            if (leaf)
            {
                ulong dirty = (request.Access & FirstStageAccess.Write) != 0 ? X64Entry.DirtyBit : 0;
                common |= dirty;
                looked = (looked & ~X64Entry.PageSizeBit) | dirty;
            }

            if ((value & looked) != common)
            {
                ulong examined = value;
                TMemory memoryThen = memory;
                TObserver observerThen = observer;
                fault = Examine(in table, request.Access, level, new Gpa(at), ref examined, ref memoryThen,
                    ref observerThen);
                value = examined;
                memory = memoryThen;
                observer = observerThen;
                if (fault != FirstStageFault.None) return Failed(fault, level, new Gpa(at));
                leaf = X64Format.IsLeaf(new X64Entry(value), level);
            }

            granted &= value;
            if (leaf)
            {
                Gpa page = new X64Entry(value).Translate(iova, X64Format.PageShift(level));
                return page.Value >= table.SecondStageEnd
                    ? Failed(FirstStageFault.PageBeyondSecondStage, level, new Gpa(at))
                    : new FirstStageTranslation(level, page, value, granted);
            }

            at = value & X64Entry.AddressMask;
            observer.Descend(new FirstStageStep(level - 1, new Gpa(at), (X64Rights)granted & X64Rights.All));
        }
    }

    /// <summary>Checks an entry that was read, and sets A, EA and D in it as needed.</summary>
    /// <param name="table">The first stage.</param>
    /// <param name="wanted">The kinds of access.</param>
    /// <param name="level">The entry's level.</param>
    /// <param name="at">Its address.</param>
    /// <param name="value">The entry; on success, its new value.</param>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="observer">Sees the entry when it is read again.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static FirstStageFault Examine<TMemory, TObserver>(
        in FirstStageTable table, FirstStageAccess wanted, int level, Gpa at, ref ulong value, ref TMemory memory,
        ref TObserver observer)
        where TMemory : struct, ITableMemory, allows ref struct
        where TObserver : struct, IFirstStageObserver, allows ref struct
    {
        X64Rights required = table.Required(wanted);
        for (int lost = 0; ;)
        {
            var entry = new X64Entry(value);
            if (!entry.IsPresent) return FirstStageFault.NotPresent;
            if (table.Format.HasReservedBits(entry, level)) return FirstStageFault.Reserved;
            FirstStageFault fault = Denied(required, entry.Rights);
            if (fault != FirstStageFault.None) return fault;

            bool isWritten = (wanted & FirstStageAccess.Write) != 0 && X64Format.IsLeaf(entry, level);
            ulong used = value | table.Used | (isWritten ? X64Entry.DirtyBit : 0);
            if (value == used) return FirstStageFault.None;
            TableAccess access = memory.CompareExchange(at, value, used, out ulong found);
            if (access != TableAccess.Ok) return UpdateFault(access, level == table.Levels);
            if (found == value)
            {
                value = used;
                return FirstStageFault.None;
            }

            // The guest changed the entry: check the new value from the start.
            if (++lost == MaxLostUpdates) return FirstStageFault.UpdateFailed;
            value = found;
            observer.Read(level, at, value);
        }
    }

    /// <summary>Checks the request and the PASID table entry, before any table is read.</summary>
    private static FirstStageFault Admit(in FirstStageTable table, FirstStageRequest request)
    {
        if (table.IsRootReserved) return FirstStageFault.PasidEntryReserved;
        if ((request.Access & FirstStageAccess.Execute) != 0) return FirstStageFault.ExecuteRequestsDisabled;
        if ((request.Access & FirstStageAccess.Supervisor) != 0
            && (table.Flags & FirstStageFlags.SupervisorRequests) == 0)
            return FirstStageFault.SupervisorRequestsDisabled;
        return X64Format.IsCanonical(request.Iova.Value, table.Levels)
            ? FirstStageFault.None
            : FirstStageFault.NotCanonical;
    }

    private static FirstStageFault Denied(X64Rights required, X64Rights granted)
    {
        X64Rights missing = required & ~granted;
        if (missing == X64Rights.None) return FirstStageFault.None;
        return (missing & X64Rights.User) != 0 ? FirstStageFault.NoUser : FirstStageFault.NoWrite;
    }

    private static FirstStageFault ReadFault(TableAccess access, bool root) => access switch
    {
        TableAccess.NotPresent => FirstStageFault.SecondStageNotPresent,
        TableAccess.Gone => root ? FirstStageFault.RootAccess : FirstStageFault.EntryAccess,
        _ => root ? FirstStageFault.RootNoRead : FirstStageFault.EntryNoRead,
    };

    private static FirstStageFault UpdateFault(TableAccess access, bool root) => access switch
    {
        TableAccess.NoWrite => FirstStageFault.EntryNoWrite,
        TableAccess.Gone => FirstStageFault.UpdateFailed,
        _ => ReadFault(access, root), // stage 2 was changed since the entry was read
    };

    // Not inlined: a walk that succeeds should not pay for it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static FirstStageTranslation Failed(FirstStageFault fault, int level, Gpa entry) =>
        new(fault, (byte)level, entry, X64Rights.None, false);
}
