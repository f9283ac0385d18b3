using System.Runtime.CompilerServices;
using Ioasis.Memory;
using Ioasis.PageTables;
using Ioasis.PageTables.X64;

namespace Ioasis.Units.Vtd.FirstStage;

/// <summary>
/// The first-stage walk (VT-d specification, 3.6 and 3.8). It has no state: caches are put around it. docs/vtd-first-stage.md says what is
/// checked in which order.
/// </summary>
internal static class FirstStageWalker
{
    /// <summary>How often a guest may change an entry under an update before that has failed: a walk ends whatever the guest does.</summary>
    internal const int MaxLostUpdates = 16;

    /// <summary>Walks all levels, unobserved.</summary>
    internal static FirstStageTranslation Walk<TMemory>(in FirstStageTable table, FirstStageRequest request, ref TMemory memory)
        where TMemory : struct, ITableMemory, allows ref struct
    {
        NoObserver nobody = default;
        return Walk(in table, in table.Top, request, ref memory, ref nobody);
    }

    /// <summary>Translates a request, and gives the entries that it uses A, EA and D.</summary>
    /// <param name="table">The first stage.</param>
    /// <param name="from">Where to start: <see cref="FirstStageTable.Top"/>, or a step that was reported for an address with the same entries down to there.</param>
    /// <param name="request">What is to be translated.</param>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="observer">Who is told.</param>
    internal static FirstStageTranslation Walk<TMemory, TObserver>(
        in FirstStageTable table, in FirstStageStep from, FirstStageRequest request, ref TMemory memory, ref TObserver observer)
        where TMemory : struct, ITableMemory, allows ref struct
        where TObserver : struct, IFirstStageObserver, allows ref struct
    {
        ulong iova = request.Iova.Value;
        FirstStageFault fault = Admit(in table, request);
        if (fault != FirstStageFault.None) return Failed(fault, 0, Gpa.Zero);

        X64Rights required = table.Required(request.Access), rights = from.Rights;
        fault = Denied(required, rights);
        if (fault != FirstStageFault.None) return Failed(fault, from.Level + 1, from.Table);

        Gpa at = from.Table;
        for (int level = from.Level; ; level--)
        {
            at = new Gpa(at.Value | X64Format.Offset(iova, level));
            if (at.Value >= table.SecondStageEnd) return Failed(FirstStageFault.EntryBeyondSecondStage, level, at);
            TableAccess access = memory.Read(at, out ulong value);
            if (access != TableAccess.Ok) return Failed(ReadFault(access, level == table.Levels), level, at);

            X64Entry entry;
            bool leaf;
            for (int lost = 0; ;)
            {
                observer.Read(level, at, value);
                entry = new X64Entry(value);
                if (!entry.IsPresent) return Failed(FirstStageFault.NotPresent, level, at);
                if (table.Format.HasReservedBits(entry, level)) return Failed(FirstStageFault.Reserved, level, at);
                fault = Denied(required, entry.Rights);
                if (fault != FirstStageFault.None) return Failed(fault, level, at);

                leaf = X64Format.IsLeaf(entry, level);
                ulong used = table.Used | (leaf && (request.Access & FirstStageAccess.Write) != 0 ? X64Entry.DirtyBit : 0);
                if ((value & used) == used) break;
                access = memory.CompareExchange(at, value, value | used, out ulong found);
                if (access != TableAccess.Ok) return Failed(UpdateFault(access, level == table.Levels), level, at);
                if (found == value)
                {
                    entry = new X64Entry(value | used);
                    break;
                }

                // The guest was faster: what it made of the entry is checked from the start.
                if (++lost == MaxLostUpdates) return Failed(FirstStageFault.UpdateFailed, level, at);
                value = found;
            }

            rights &= entry.Rights;
            if (leaf)
            {
                Gpa page = entry.Translate(iova, X64Format.PageShift(level));
                return page.Value >= table.SecondStageEnd
                    ? Failed(FirstStageFault.PageBeyondSecondStage, level, at)
                    : new FirstStageTranslation(FirstStageFault.None, (byte)level, page, rights, entry.IsDirty);
            }

            at = entry.Table;
            observer.Descend(new FirstStageStep(level - 1, at, rights));
        }
    }

    /// <summary>What is wrong with the request or the PASID table entry, before any table is read.</summary>
    private static FirstStageFault Admit(in FirstStageTable table, FirstStageRequest request)
    {
        if (table.IsRootReserved) return FirstStageFault.PasidEntryReserved;
        if ((request.Access & FirstStageAccess.Execute) != 0) return FirstStageFault.ExecuteRequestsDisabled;
        if ((request.Access & FirstStageAccess.Supervisor) != 0 && (table.Flags & FirstStageFlags.SupervisorRequests) == 0)
            return FirstStageFault.SupervisorRequestsDisabled;
        return X64Format.IsCanonical(request.Iova.Value, table.Levels) ? FirstStageFault.None : FirstStageFault.NotCanonical;
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

    // Not inlined: a walk that succeeds is not to make room for what it does not come to.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static FirstStageTranslation Failed(FirstStageFault fault, int level, Gpa entry) => new(fault, (byte)level, entry, X64Rights.None, false);
}
