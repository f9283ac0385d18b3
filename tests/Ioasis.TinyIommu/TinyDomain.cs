using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Units;
using Ioasis.Core.Walks;
using Ioasis.Memory;
using Ioasis.PageTables;

namespace Ioasis.TinyIommu;

/// <summary>
/// A first stage of the tiny format. It keeps nothing itself; ports keep pages until an invalidation.
/// </summary>
internal sealed class TinyDomain(PagingDomain parent, TinyTable table) : FirstStageDomain(parent, null, LeafShift)
{
    internal const int PageShift = 16;
    private const int LeafShift = PageShift + 9; // of the table of 4 KiB that most guests make
    private const ulong Valid = 1, Writable = 2, PageMask = (1UL << PageShift) - 1;

    public override FirstStageResult Translate(Endpoint endpoint, TranslationRequest request, ref KnownTable known)
    {
        var memory = new StageTwo(Parent);
        return Walk(ref memory, request, null);
    }

    public override FirstStageResult Show(TranslationWalk walk, Endpoint endpoint, TranslationRequest request)
    {
        var memory = new ShownMemory(Parent);
        FirstStageResult result = Walk(ref memory, request, walk);
        if (!result.IsOk)
            walk.Fault(WalkStage.First, result.Address, $"fault 0x{result.Syndrome.Code:x}", result.Reason);
        return result;
    }

    public override FaultSyndrome SyndromeOf(FaultReason reason, bool isWrite) =>
        new(TinyFault.SecondStage, FaultStage.Second);

    protected override IommuStatus DropCaches(UserDataArray entries, out int done)
    {
        done = 0;
        if (entries.Type != TinyInvalidation.Type) return IommuStatus.Invalid;
        for (; done < entries.Count; done++)
        {
            IommuStatus status = entries.TryRead(TinyInvalidation.Type, 16, done, out TinyInvalidation entry);
            if (status != IommuStatus.Ok) return status;
            DropFromDevices(entry.First, entry.Last);
        }

        Flush();
        return IommuStatus.Ok;
    }

    private FirstStageResult Walk<T>(ref T memory, TranslationRequest request, TranslationWalk? walk)
        where T : struct, ITableMemory
    {
        ulong index = request.Pasid?.Value ?? 0, iova = request.Iova.Value;
        if (index >= table.Count || request.Pasid is { Value: 0 })
            return Fault(FaultReason.NotAttached, TinyFault.NoContext, FaultStage.Context, default);
        var at = new Gpa(table.Contexts + (index * 16));
        Span<ulong> context = stackalloc ulong[2];
        if (memory.ReadBlock(at, context) != TableAccess.Ok)
            return Fault(FaultReason.MemoryGone, TinyFault.NoMemory, FaultStage.Context, at);
        walk?.Add(WalkStage.Context, 0, at.Value, context[0], $"a table of {context[1]} pages");
        if ((context[0] & Valid) == 0)
            return Fault(FaultReason.NotAttached, TinyFault.NoContext, FaultStage.Context, at);
        if (iova >> PageShift >= context[1])
            return Fault(FaultReason.BeyondAddressWidth, TinyFault.BeyondTable, FaultStage.First, at);
        at = new Gpa((context[0] & ~0xfffUL) + (iova >> PageShift << 3));
        if (memory.Read(at, out ulong entry) != TableAccess.Ok)
            return Fault(FaultReason.MemoryGone, TinyFault.NoMemory, FaultStage.First, at);
        walk?.Add(WalkStage.First, 1, at.Value, entry, (entry & Valid) != 0 ? "a page" : "nothing");
        if ((entry & Valid) == 0)
            return Fault(FaultReason.NotMapped, TinyFault.NotPresent, FaultStage.First, at, isRecoverable: true);
        if (request.IsWrite && (entry & Writable) == 0)
            return Fault(FaultReason.NoPermission, TinyFault.NotWritable, FaultStage.First, at, isRecoverable: true);
        MapAccess access = (entry & Writable) != 0 ? MapAccess.ReadWrite : MapAccess.Read;
        return new FirstStageResult((entry & ~PageMask) | (iova & PageMask), PageShift, access);
    }

    private static FirstStageResult Fault(
        FaultReason reason, ushort code, FaultStage stage, Gpa at, bool isRecoverable = false) =>
        FirstStageResult.Fault(reason, new FaultSyndrome(code, stage), isRecoverable, at);
}
