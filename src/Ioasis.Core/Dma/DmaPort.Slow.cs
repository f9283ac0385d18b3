using System.Runtime.CompilerServices;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Injection;
using Ioasis.Core.Observation;
using Ioasis.Memory;

namespace Ioasis.Core.Dma;

/// <summary>Accesses in pieces, each translated anew, and their faults.</summary>
public sealed partial class DmaPort
{
    /// <summary>Everything that the fast path does not serve.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private DmaResult AccessSlow<T>(Iova iova, Pasid? pasid, T transfer)
        where T : struct, ITransfer, allows ref struct =>
        _slow == ByMeter && TryMetered(iova, pasid, in transfer)
            ? new DmaResult(FaultReason.None, transfer.Length)
            : AccessInPieces(iova, pasid, transfer);

    /// <summary>
    /// Accesses over several mappings, long ones, memory of other processes, and faults.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private DmaResult AccessInPieces<T>(Iova iova, Pasid? pasid, T transfer)
        where T : struct, ITransfer, allows ref struct
    {
        if (_injector is not null && InjectedAccess.IsRefused(_injector, _endpoint))
        {
            Resolution refused = default;
            refused.Fail(FaultReason.NotMapped, T.Needs == MapAccess.Write);
            refused.IsRecoverable = false;
            return Fault(iova, 0, pasid, T.Needs == MapAccess.Write, in refused);
        }

        if (IsWatched && T.Needs == MapAccess.Write && transfer.Length <= Endpoint.LongestStatus)
            _endpoint.Progress(mayBeDone: true);
        int tries = 0;
        for (int done = 0; done < transfer.Length;)
        {
            Resolution step = default;
            int count = 0;
            MissingBytes missing = default;
            MemoryChanges? changing;
            SeenAccess? seen = null;
            long state = Enter();
            try
            {
                // short ones, so that whoever takes a translation away does not wait long
                int wanted = Math.Min(transfer.Length - done, MaxChunk);
                MapEntry entry = Resolve(iova, (uint)done, (uint)wanted - 1, pasid, T.Needs, ref step);
                // Looked at within the access: who changes the memory raises it before it waits for us (Quiesce).
                changing = step.Route?.Changes is { IsUnderWay: true } changes ? changes : null;
                if (step.Reason == FaultReason.None && _requestsPages && step.Route!.Process is { } process
                    && !process.IsPresent(new Hva(step.Address)))
                    step.Fail(FaultReason.NotMapped, T.Needs == MapAccess.Write);
                if (step.Reason == FaultReason.None && changing is null)
                {
                    count = (int)Math.Min((uint)wanted - 1, step.BytesAfterFirst) + 1;
                    if (entry.IsRetired) step.Route!.Table.Late!.Count();
                    if (IsWatched)
                        seen = BeginWatched(
                            new Iova(iova.Value + (uint)done), pasid, in step, count, T.Needs == MapAccess.Write);
                    if (!entry.IsIndirect) transfer.Part(entry.Delta + (nint)step.Address, done, count);
                    else MoveIndirect(in transfer, entry, in step, done, count, out missing);
                    if (T.Needs == MapAccess.Write)
                        step.Route!.Dirty?.Mark(step.Address, step.Address + (uint)count - 1);
                }
            }
            finally
            {
                if (seen is not null) _underWay = null;
                Leave(state);
            }

            if (changing is not null)
            {
                changing.Await();
                continue;
            }

            if (missing.Backing is not null)
            {
                // Outside of the access: who takes the mapping away does not wait for who has to bring the bytes.
                if (missing.TryBring(T.Needs == MapAccess.Write, ref tries)) continue;
                step.Fail(step.Route!.IsProcess ? FaultReason.NotMapped : FaultReason.MemoryGone,
                    T.Needs == MapAccess.Write);
            }

            if (IsMetered) CountPiece(step.Reason == FaultReason.None ? count : 0, T.Needs);
            if (step.Reason != FaultReason.None)
                return Fault(iova, (uint)done, pasid, T.Needs == MapAccess.Write, in step);
            if (seen is not null) TellWatched(seen);
            done += count;
            tries = 0;
        }

        return new DmaResult(FaultReason.None, transfer.Length);
    }

    private static void MoveIndirect<T>(
        in T transfer, MapEntry entry, in Resolution step, int done, int count, out MissingBytes missing)
        where T : struct, ITransfer, allows ref struct
    {
        MemoryBacking backing = step.Route!.Table.BackingOf(entry, step.Address, out ulong at);
        missing = transfer.Part(backing, at, done, count) ? default : new MissingBytes(backing, at, (uint)count);
    }

    /// <summary>
    /// Finds what is mapped at one address within an access, and for how many of <paramref name="wanted"/> bytes after
    /// it; or why nothing is that permits it.
    /// </summary>
    private MapEntry Resolve(Iova start, uint offset, uint wanted, Pasid? pasid, MapAccess access, ref Resolution step)
    {
        bool isWrite = access == MapAccess.Write;
        ulong iova = unchecked(start.Value + offset);
        long epoch = _usesDeviceTlb ? DeviceTlb!.Epoch : 0; // before anything else
        FaultReason reason = _part is null
            ? _endpoint.Route(Carried(pasid), iova, out step.Route)
            : _part.Route(pasid, iova, out step.Route);
        // it does not go on at 0
        if (reason == FaultReason.None && iova < start.Value) reason = FaultReason.BeyondAddressWidth;
        step.Address = iova;
        step.BytesAfterFirst = step.Route is { } route ? route.PageMask & ~iova : ulong.MaxValue;
        if (reason == FaultReason.None && (_usesDeviceTlb || step.Route!.FirstStage is not null))
        {
            var request = new TranslationRequest(iova, access, KeyOf(pasid ?? DefaultPasid));
            FirstStageResult page = _usesDeviceTlb
                ? DeviceTlb!.Translate(_endpoint, step.Route!, KeyOf(pasid ?? DefaultPasid), iova, access, epoch)
                : step.Route!.FirstStage!.Translate(_endpoint, request);
            if (!page.IsOk)
            {
                step.Fail(in page);
                return default;
            }

            if (IsWatched && step.Route!.FirstStage is { } firstStage) Verify(firstStage, request, pasid, in page);

            step.Address = page.Address;
            if (page.PageShift < 64)
                step.BytesAfterFirst = Math.Min(step.BytesAfterFirst, ((1UL << page.PageShift) - 1) & ~iova);
        }

        if (reason != FaultReason.None)
        {
            step.Fail(reason, isWrite);
            return default;
        }

        MappingTable table = step.Route!.Table;
        MapEntry entry = table.Use(step.Address, out int shift);
        if (!entry.IsMapped) step.Fail(FaultReason.NotMapped, isWrite);
        else if ((entry.Access & access) == 0) step.Fail(FaultReason.NoPermission, isWrite);
        if (step.Reason != FaultReason.None) return default;
        ulong after = ((1UL << shift) - 1) & ~step.Address;
        if (after < Math.Min(wanted, step.BytesAfterFirst)) after = table.Extend(entry, step.Address, shift, wanted);
        step.BytesAfterFirst = Math.Min(step.BytesAfterFirst, after);
        return entry;
    }

    /// <summary>Records a fault, unless the device is to be given the chance to ask for the page.</summary>
    private DmaResult Fault(Iova start, uint offset, Pasid? pasid, bool isWrite, in Resolution step)
    {
        bool recoverable = step.IsRecoverable && RequestsPages;
        FaultSyndrome syndrome = step.HasSyndrome ? step.Syndrome : _endpoint.Unit.SyndromeOf(step.Reason, isWrite);
        var iova = new Iova(unchecked(start.Value + offset));
        var inner = new Gpa(step.Inner);
        if (recoverable) _refused = (iova, pasid, inner);
        else _endpoint.Report(new DmaFault(Device, Carried(pasid), iova, isWrite, step.Reason, syndrome, inner));
        return new DmaResult(step.Reason, (int)offset, recoverable, syndrome);
    }
}
