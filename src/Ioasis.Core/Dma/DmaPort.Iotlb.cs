using System.Runtime.CompilerServices;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;
using Ioasis.PageTables;

namespace Ioasis.Core.Dma;

/// <summary>
/// The IOTLB: a hit, and the misses that fill it. They serve an access only if one piece of memory of our own process
/// has all of it; every other access is slow (DmaPort.Slow.cs).
/// </summary>
public sealed partial class DmaPort
{
    /// <summary>
    /// Where the first byte is in our own process, from the IOTLB; 0 when it does not have all of the access.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private nint Hit(ulong iova, uint pasidKey, int length, MapAccess access)
    {
        ulong tag = iova >> GranuleShift;
        ref IotlbEntry entry = ref _iotlb[(int)tag & (IotlbSize - 1)];
        return entry.Tag == tag
            && entry.Key == (Volatile.Read(ref _generation) ^ pasidKey) // differs for each PASID, given or default
            && (entry.LastAndAccess & (ulong)access) != 0
            && (uint)(length - 1) < MaxChunk
            && (uint)length - 1 <= (entry.LastAndAccess | 3) - iova // no sum: it may end at 2^64
            ? entry.Delta + (nint)iova : 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private nint Miss<T, TWay>(ulong iova, uint pasidKey, int length)
        where T : struct, ITransfer, allows ref struct where TWay : struct, IWay
    {
        nint host = pasidKey == NoPasid ? Walk<T, TWay>(iova, length) : 0;
        return host != 0 ? host : WalkAny<TWay>(iova, pasidKey, length, T.Needs);
    }

    /// <summary>
    /// The common miss: all of the access lies in what one entry of a plain table stands for, which was used before. It
    /// calls nothing but at its ends, where nothing is needed any more, so that it saves no registers: what it stores
    /// is what a processor has to hold while it waits for memory.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private nint Walk<T, TWay>(ulong iova, int length)
        where T : struct, ITransfer, allows ref struct where TWay : struct, IWay
    {
        ulong key = Volatile.Read(ref _generation) ^ TWay.Key; // before anything else: see WalkAny
        if (_route is not { } route || iova > route.LastAddress || _slow != TWay.Slow) return 0;
        if (route.Plain is not { } table)
        {
            if (route.FirstStage is null) return 0;
            return WalkNested(route, iova, key, length, T.Needs);
        }

        ref ulong at = ref table.Find(iova, out int shift);
        if (Refs.IsNull(ref at)) return 0;
        ulong value = Volatile.Read(ref at), after = ((1UL << shift) - 1) & ~iova;
        var entry = new MapEntry(value);
        if (entry.IsUsedDirectFor(T.Needs) && (uint)(length - 1) < MaxChunk && (uint)length - 1 <= after)
            return Keep(iova, key, entry.Delta, iova + after, entry.Access);
        return WalkOwned<T>(ref at, iova, key, length, after);
    }

    /// <summary>
    /// The same for a page that the DMA API mapped. The first look-up marks it as touched and keeps nothing: most
    /// pages are used once, and an unmap then leaves the IOTLBs alone. The second keeps the translation.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private nint WalkOwned<T>(ref ulong at, ulong iova, ulong key, int length, ulong after)
        where T : struct, ITransfer, allows ref struct
    {
        ulong value = Volatile.Read(ref at);
        var entry = new MapEntry(value);
        if (!entry.IsOwnedFor(T.Needs) || (uint)(length - 1) >= MaxChunk || (uint)length - 1 > after) return 0;
        ulong marked = value | (entry.WasUsed ? MapEntry.UsedBit : MapEntry.TouchedBit);
        if (Interlocked.CompareExchange(ref at, marked, value) != value) return 0; // looked up anew in WalkAny
        return new MapEntry(marked).IsUsed
            ? Keep(iova, key, entry.Delta, iova + after, entry.Access)
            : entry.Delta + (nint)iova;
    }

    /// <summary>Any miss of which all lies in one mapping that permits it and whose memory is in our process.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private nint WalkAny<TWay>(ulong iova, uint pasidKey, int length, MapAccess access) where TWay : struct, IWay
    {
        try
        {
            // Read before anything else: an entry that is filled while a translation is being taken away carries the
            // old generation.
            ulong generation = Volatile.Read(ref _generation);
            if (_slow != TWay.Slow) return 0; // looked up in AccessSlow
            if (RouteOf(pasidKey) is not { } route || iova > route.LastAddress) return 0;
            // a write that is recorded is a slow one
            MapAccess kept = route.Dirty is null ? MapAccess.ReadWrite : MapAccess.Read;
            if ((access & kept) == 0) return 0;
            ulong key = generation ^ pasidKey ^ TWay.Key;
            // without a PASID: it was, in Walk
            if (route.FirstStage is not null)
                return pasidKey == NoPasid ? 0 : WalkNested(route, iova, key, length, access);
            MapEntry entry = route.Table.Use(iova, out int shift);
            if (!entry.IsDirectFor(access) || (uint)(length - 1) >= MaxChunk) return 0;
            ulong after = ((1UL << shift) - 1) & ~iova; // bytes after the first
            if (after < (uint)length - 1)
            {
                after = route.Table.Extend(entry, iova, shift, (uint)length - 1);
                if (after < (uint)length - 1) return 0;
            }

            return Keep(iova, key, entry.Delta, iova + after, entry.Access & kept);
        }
        catch
        {
            Abandon();
            throw;
        }
    }

    /// <summary>
    /// The same where a first stage translates before: all of the access lies in one of its pages, too.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private nint WalkNested(TranslationRoute route, ulong iova, ulong key, int length, MapAccess access)
    {
        try
        {
            // a write that is recorded is a slow one
            if (access == MapAccess.Write && route.Dirty is not null) return 0;
            FirstStageDomain firstStage = route.FirstStage!;
            if (firstStage.LeafTableShift != KnownTable.RegionShift)
                return WalkNestedAfresh(route, iova, key, length, access);
            ulong region = iova >> KnownTable.RegionShift;
            ref KnownTable known = ref _tables[(int)region & (KnownTable.Count - 1)];
            if (known.Region != region || known.Key != key) known = new KnownTable { Region = region, Key = key };
            var request = new TranslationRequest(iova, access, CarriedBy(key));
            FirstStageResult page = firstStage.Translate(_endpoint, request, ref known);
            if (!page.IsOk) return 0;
            IovaNode? node = known.Node;
            MapEntry entry = route.Table.Use(page.Address, ref node, out int shift);
            if (!entry.IsDirectFor(access)) return 0;
            if (node != known.Node) known.Node = node;
            ulong after = ((1UL << Math.Min(shift, page.PageShift)) - 1) & ~iova; // bytes after the first
            if ((uint)(length - 1) >= MaxChunk || after < (uint)length - 1) return 0;
            nint host = entry.Delta + (nint)page.Address;
            if (!firstStage.KeepsTranslations) return host;
            MapAccess kept = route.Dirty is null ? MapAccess.ReadWrite : MapAccess.Read;
            return Keep(iova, key, host - (nint)iova, iova + after, entry.Access & page.Access & kept);
        }
        catch
        {
            Abandon();
            throw;
        }
    }

    /// <summary>The same by a first stage whose tables the port does not remember.</summary>
    private nint WalkNestedAfresh(TranslationRoute route, ulong iova, ulong key, int length, MapAccess access)
    {
        FirstStageDomain firstStage = route.FirstStage!;
        FirstStageResult page =
            firstStage.Translate(_endpoint, new TranslationRequest(iova, access, CarriedBy(key)));
        if (!page.IsOk) return 0;
        MapEntry entry = route.Table.Use(page.Address, out int shift);
        ulong after = ((1UL << Math.Min(shift, page.PageShift)) - 1) & ~iova; // bytes after the first
        if (!entry.IsDirectFor(access) || (uint)(length - 1) >= MaxChunk || after < (uint)length - 1) return 0;
        nint host = entry.Delta + (nint)page.Address;
        if (!firstStage.KeepsTranslations) return host;
        MapAccess kept = route.Dirty is null ? MapAccess.ReadWrite : MapAccess.Read;
        return Keep(iova, key, host - (nint)iova, iova + after, entry.Access & page.Access & kept);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private nint Keep(ulong iova, ulong key, nint delta, ulong last, MapAccess access)
    {
        ulong tag = iova >> GranuleShift;
        ref IotlbEntry entry = ref _iotlb[(int)tag & (IotlbSize - 1)];
        entry.Tag = tag;
        entry.Key = key;
        entry.Delta = delta;
        entry.LastAndAccess = (last & ~3UL) | (ulong)access;
        return delta + (nint)iova;
    }
}
