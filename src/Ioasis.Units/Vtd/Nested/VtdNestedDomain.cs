using System.Runtime.CompilerServices;
using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Units;
using Ioasis.Core.Walks;
using Ioasis.Memory;
using Ioasis.PageTables.X64;
using Ioasis.Units.Vtd.FirstStage;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Units.Vtd.Nested;

/// <summary>
/// A user's first stage, nested on a paging domain (VT-d specification, 3.8), and the unit's caches of it.
/// </summary>
internal sealed class VtdNestedDomain : FirstStageDomain
{
    private const int HostAddressBits = 52;
    private const int Most = PageCache<FirstStageStep>.Most;
    private readonly FirstStageTable _table;
    private readonly TranslationCache? _translations;
    private readonly StructureCache? _structures;
    // The place of one of the tables in the second stage; most other tables are near it. All ports read it, so it is
    // seldom written.
    private StageTwoPlace _near;

    private VtdNestedDomain(PagingDomain parent, in IommuHwptVtdS1 config, VtdFeatures features)
        : base(parent, null, KnownTable.RegionShift)
    {
        Config = config;
        KeepsTranslations = features.IotlbEntries != 0;
        FirstStageFlags flags = (config.Flags & IOMMU_VTD_S1_EAFE) != 0
            ? FirstStageFlags.ExtendedAccessed
            : FirstStageFlags.None;
        if ((config.Flags & IOMMU_VTD_S1_SRE) != 0)
        {
            flags |= FirstStageFlags.SupervisorRequests;
            if ((config.Flags & IOMMU_VTD_S1_WPE) != 0) flags |= FirstStageFlags.WriteProtect;
        }

        int levels = config.AddrWidth == FiveLevels ? 5 : 4;
        _table = new FirstStageTable(
            new Gpa(config.PgtblAddr), levels, flags, new X64Format(HostAddressBits, features.FirstStage1G),
            features.AddressBits);
        _translations = features.IotlbEntries == 0
            ? null
            : new TranslationCache(Math.Min(features.IotlbEntries ?? Most, Most));
        _structures = features.StructureEntries == 0
            ? null
            : new StructureCache(Math.Min(features.StructureEntries ?? Most, Most));
    }

    /// <summary>The widths of addresses that a first stage can translate, in bits.</summary>
    internal const uint FourLevels = 48, FiveLevels = 57;

    /// <summary>The user's description of it.</summary>
    internal IommuHwptVtdS1 Config { get; }

    /// <summary>The first stage.</summary>
    internal FirstStageTable Table => _table;

    /// <inheritdoc/>
    public override FirstStageInfo? FirstStage => new(
        "x64", Config.PgtblAddr, (int)Config.AddrWidth,
        [
            .. (Config.Flags & IOMMU_VTD_S1_SRE) != 0 ? ["SRE"] : (string[])[],
            .. (Config.Flags & IOMMU_VTD_S1_EAFE) != 0 ? ["EAFE"] : (string[])[],
            .. (Config.Flags & IOMMU_VTD_S1_WPE) != 0 ? ["WPE"] : (string[])[],
        ]);

    /// <summary>Makes one. Whether a unit can walk it is checked when a device is attached, as on Linux.</summary>
    internal static IommuStatus TryCreate(
        PagingDomain parent, UserData data, VtdFeatures features, out NestedDomain? domain)
    {
        domain = null;
        if (data.Type != IOMMU_HWPT_DATA_VTD_S1)
            return IommuStatus.NotSupported.Because(
                $"data are of type {data.Type}; a first stage of VT-d needs IOMMU_HWPT_DATA_VTD_S1");
        if (parent.Owner is not VtdUnit || (parent.Options & PagingDomainOptions.NestParent) == 0)
            return IommuStatus.Invalid.Because(
                "the parent is not a HWPT of VT-d that was made with IOMMU_HWPT_ALLOC_NEST_PARENT");
        IommuStatus status = data.TryRead(IOMMU_HWPT_DATA_VTD_S1, Unsafe.SizeOf<IommuHwptVtdS1>(),
            out IommuHwptVtdS1 config);
        if (status == IommuStatus.Ok) domain = new VtdNestedDomain(parent, in config, features);
        return status;
    }

    /// <inheritdoc/>
    public override FirstStageResult Translate(Endpoint endpoint, TranslationRequest request, ref KnownTable known)
    {
        const ulong written = X64Entry.WriteBit | X64Entry.DirtyBit;
        ulong iova = request.Iova.Value;
        ulong leaf = known.Kept is { } kept ? kept.Read(iova) : known.Table != 0
            && _translations is null ? LastTable.Leaf(known.Table, iova) : 0;
        ulong write = request.IsWrite ? written : 0;
        return (leaf & (_table.LooksAtLast | write)) == (_table.CommonLast | write)
            ? new FirstStageResult(
                (leaf & X64Entry.AddressMask) | (iova & 0xfff), X64Format.PageShift4K,
                (leaf & written) == written ? MapAccess.ReadWrite : MapAccess.Read)
            : TranslateAny(iova, request.IsWrite, ref known);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private FirstStageResult TranslateAny(ulong iova, bool isWrite, ref KnownTable known)
    {
        FirstStageAccess wanted = isWrite ? FirstStageAccess.Write : FirstStageAccess.Read;
        // Read first, and in this order: see Drop.
        long drops = _translations?.Drops ?? 0, structureDrops = _structures?.Drops ?? 0;
        FirstStageTranslation page;
        if (!TryFind(iova, out page, ref known) || !page.Serves(in _table, wanted))
        {
            page = Walk(iova, wanted, structureDrops, ref known);
            if (!page.IsOk) return Refused(in page);
            _translations?.Keep(iova, in page, drops);
        }

        ulong offset = (1UL << page.PageShift) - 1;
        bool writable = page.Serves(in _table, FirstStageAccess.Write);
        return new FirstStageResult((page.Gpa.Value & ~offset) | (iova & offset), page.PageShift,
            writable ? MapAccess.ReadWrite : MapAccess.Read);
    }

    private bool TryFind(ulong iova, out FirstStageTranslation page, ref KnownTable known)
    {
        page = default;
        if (_translations is null) return false;
        bool isKept = _translations.TryFind(iova, out page, out KeptPages? table);
        known.Kept = table;
        return isKept;
    }

    private FirstStageTranslation Walk(ulong iova, FirstStageAccess wanted, long structureDrops, ref KnownTable known)
    {
        FirstStageStep from = _structures is null ? _table.Top : _structures.Find(iova, _table.Top);
        FirstStageTranslation page = _structures is null || from.Level == 1
            ? FirstStageWalker.WalkCommon(
                in _table, from, new FirstStageRequest(new Iova(iova), wanted),
                new StageTwo(Parent, _near is { IsKnown: true } near ? near : Near(from.Table)))
            : default;
        if (page.Level == 0) page = Walk(iova, wanted, from, structureDrops);
        if (from.Level == 1 && page.Level == 1)
            known.Table = LastTable.At(StageTwo.AddressOf(Parent, from.Table, LastTable.Bytes), from.Rights);
        return page;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private StageTwoPlace Near(Gpa table) => _near = StageTwo.Near(Parent, table);

    /// <summary>
    /// Any walk. If it ends at a small page and was not a common walk, the place that those begin at may be stale.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private FirstStageTranslation Walk(ulong iova, FirstStageAccess wanted, FirstStageStep from, long structureDrops)
    {
        var observer = new StructureObserver(_structures, iova, structureDrops);
        var memory = new StageTwo(Parent);
        FirstStageTranslation page = FirstStageWalker.Walk(
            in _table, from, new FirstStageRequest(new Iova(iova), wanted), ref memory, ref observer);
        if (page.Level == 1) _near = default;
        return page;
    }

    /// <inheritdoc/>
    public override FirstStageResult Show(TranslationWalk walk, Endpoint endpoint, TranslationRequest request)
    {
        ArgumentNullException.ThrowIfNull(walk);
        ulong iova = request.Iova.Value;
        FirstStageAccess wanted = request.IsWrite ? FirstStageAccess.Write : FirstStageAccess.Read;
        var memory = new ShownMemory(Parent);
        var observer = new ShownSteps(walk, memory);
        FirstStageTranslation fresh = FirstStageWalker.Walk(
            in _table, _table.Top, new FirstStageRequest(new Iova(iova), wanted), ref memory, ref observer);
        FirstStageTranslation page = fresh;
        if (_translations is not null && _translations.TryFind(iova, out FirstStageTranslation kept, out _)
            && kept.Serves(in _table, wanted))
        {
            ulong within = iova & ((1UL << kept.PageShift) - 1);
            page = kept with { Gpa = new Gpa((kept.Gpa.Value & ~((1UL << kept.PageShift) - 1)) | within) };
            string same = fresh.IsOk
                && fresh.Gpa == page.Gpa ? "as the tables say" : "the tables say something else: not invalidated yet";
            walk.Add(WalkStage.First, kept.Level, iova, null, $"IOTLB: guest-physical 0x{page.Gpa.Value:x}, {same}",
                isKept: true);
        }

        if (!page.IsOk)
        {
            walk.Fault(WalkStage.First, page.Gpa.Value, $"{page.Fault}, fault reason 0x{(byte)page.Fault:x}",
                ReasonOf(page.Fault), page.Level);
            return Refused(in page);
        }

        walk.Add(new WalkStep(WalkStage.First, page.Level, iova, null, $"guest-physical 0x{page.Gpa.Value:x}, "
            + $"a page of 2^{page.PageShift} bytes{((page.Rights & X64Rights.Write) != 0 ? ", writable" : "")}",
            IsKept: false, IsFault: false)
        {
            Uses = new WalkBits(0, page.PageShift),
        });
        return new FirstStageResult(page.Gpa.Value, page.PageShift, MapAccess.ReadWrite);
    }

    /// <inheritdoc/>
    public override bool HasChanged(TranslationRequest request, in FirstStageResult used)
    {
        FirstStageAccess wanted = request.IsWrite ? FirstStageAccess.Write : FirstStageAccess.Read;
        var memory = new UnwrittenMemory(Parent);
        NoObserver nobody = default;
        FirstStageTranslation fresh = FirstStageWalker.Walk(
            in _table, _table.Top, new FirstStageRequest(request.Iova, wanted), ref memory, ref nobody);
        // Where the second stage does not let the tables be read, nobody can say what they say.
        return fresh.IsOk
            ? fresh.Gpa.Value != used.Address
            : fresh.Fault is FirstStageFault.NotPresent or FirstStageFault.Reserved or FirstStageFault.NoUser
                or FirstStageFault.NoWrite;
    }

    /// <inheritdoc/>
    public override FaultSyndrome SyndromeOf(FaultReason reason, bool isWrite) => reason switch
    {
        FaultReason.NotMapped => new FaultSyndrome((ushort)FirstStageFault.SecondStageNotPresent, FaultStage.Second),
        FaultReason.NoPermission =>
            new FaultSyndrome((ushort)(isWrite ? FirstStageFault.NoWrite : FirstStageFault.NoRead), FaultStage.Second),
        FaultReason.MemoryGone => new FaultSyndrome((ushort)FirstStageFault.SecondStageAccess, FaultStage.Second),
        _ => new FaultSyndrome((ushort)FirstStageFault.NotCanonical, FaultStage.First),
    };

    /// <inheritdoc/>
    public override void OnDetached(Endpoint endpoint, Pasid? pasid) => Drop(0, ulong.MaxValue, leafOnly: false);

    /// <summary>Invalidates ranges, leaves alone or also entries that lead to tables, or everything.</summary>
    protected override IommuStatus DropCaches(UserDataArray entries, out int done)
    {
        IommuStatus status = DropEach(entries, out done);
        if (done > 0) Flush();
        return status;
    }

    private IommuStatus DropEach(UserDataArray entries, out int done)
    {
        done = 0;
        if (entries.Type != IOMMU_HWPT_INVALIDATE_DATA_VTD_S1)
            return IommuStatus.Invalid.Because(
                $"entries are of type {entries.Type}; VT-d needs IOMMU_HWPT_INVALIDATE_DATA_VTD_S1");
        for (int i = 0; i < entries.Count; i++)
        {
            IommuStatus status = entries.TryRead(
                IOMMU_HWPT_INVALIDATE_DATA_VTD_S1, Unsafe.SizeOf<IommuHwptVtdS1Invalidate>(), i,
                out IommuHwptVtdS1Invalidate entry);
            if (status != IommuStatus.Ok) return status;
            if ((entry.Flags & ~IOMMU_VTD_INV_FLAGS_LEAF) != 0 || entry.Reserved != 0)
                return IommuStatus.NotSupported.Because(
                    $"flags 0x{entry.Flags:x} of entry {i} have an unknown bit, or its reserved field is not 0");
            if ((entry.Addr & 0xfff) != 0 || (entry.Npages == ulong.MaxValue && entry.Addr != 0))
                return IommuStatus.Invalid.Because(
                    $"address 0x{entry.Addr:x} of entry {i} is not at a page, or not 0 for all pages");
            done++;
            if (entry.Npages == 0) continue;
            ulong last = entry.Npages > (ulong.MaxValue - entry.Addr) >> 12 ? ulong.MaxValue : entry.Addr
                + (entry.Npages << 12) - 1;
            Drop(entry.Addr, last, (entry.Flags & IOMMU_VTD_INV_FLAGS_LEAF) != 0);
        }

        return IommuStatus.Ok;
    }

    /// <summary>
    /// Drops structures first. A walk may have begun at a structure that is dropped now. Its translation is cached
    /// before translations are dropped, and then dropped with them, or it is not cached.
    /// </summary>
    private void Drop(ulong first, ulong last, bool leafOnly)
    {
        if (!leafOnly) _structures?.Drop(first, last);
        _translations?.Drop(first, last);
        DropFromDevices(first, last);
    }

    private static FirstStageResult Refused(in FirstStageTranslation page)
    {
        FaultStage stage = page.Fault.IsOfSecondStage() ? FaultStage.Second : FaultStage.First;
        return FirstStageResult.Fault(
            ReasonOf(page.Fault), new FaultSyndrome((ushort)page.Fault, stage), page.Fault.IsRecoverable(), page.Gpa);
    }

    private static FaultReason ReasonOf(FirstStageFault fault) => fault switch
    {
        FirstStageFault.NotPresent or FirstStageFault.SecondStageNotPresent => FaultReason.NotMapped,
        FirstStageFault.NoUser or FirstStageFault.NoWrite or FirstStageFault.NoRead or FirstStageFault.EntryNoRead
            or FirstStageFault.RootNoRead
            or FirstStageFault.EntryNoWrite or FirstStageFault.SupervisorRequestsDisabled => FaultReason.NoPermission,
        FirstStageFault.NotCanonical => FaultReason.BeyondAddressWidth,
        FirstStageFault.EntryAccess or FirstStageFault.RootAccess or FirstStageFault.UpdateFailed =>
            FaultReason.MemoryGone,
        _ => FaultReason.BadTable,
    };

    /// <summary>Adds the entries that are read to a walk that is shown.</summary>
    private readonly struct ShownSteps(TranslationWalk walk, ShownMemory memory) : IFirstStageObserver
    {
        public void Read(int level, Gpa address, ulong entry)
        {
            var bits = new X64Entry(entry);
            string says = !bits.IsPresent ? "not present"
                : string.Join(' ', new[] { "P", (entry & X64Entry.WriteBit) != 0 ? "R/W" : null,
                    (entry & X64Entry.UserBit) != 0 ? "U/S" : null,
                    (entry & X64Entry.AccessedBit) != 0 ? "A" : null, bits.IsDirty ? "D" : null,
                    level > 1 && (entry & X64Entry.PageSizeBit) != 0 ? "PS" : null }.Where(b => b is not null));
            walk.Add(new WalkStep(WalkStage.First, level, address.Value, entry, says, IsKept: false, IsFault: false)
            {
                Uses = new WalkBits(
                    X64Format.PageShift(level), X64Format.PageShift(level + 1) - X64Format.PageShift(level)),
                Fields = FirstStageFields.Of(bits, level),
                Mapping = memory.MappingOf(address),
            });
        }

        public void Descend(FirstStageStep next)
        {
        }
    }

    /// <summary>Caches the steps of a walk.</summary>
    private readonly struct StructureObserver(StructureCache? cache, ulong iova, long drops) : IFirstStageObserver
    {
        public void Read(int level, Gpa address, ulong entry)
        {
        }

        public void Descend(FirstStageStep next) => cache?.Keep(iova, next, drops);
    }
}
