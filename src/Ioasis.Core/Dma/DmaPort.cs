using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;
using Ioasis.PageTables;

namespace Ioasis.Core.Dma;

/// <summary>
/// The only way of a device to memory: every access is translated by what its requester ID, or the PASID it gives, is
/// attached to, and none is made that the mapping there does not permit. A port serves one thread at a time; a device
/// with several engines opens one for each. A port may be bound to a PASID, its default PASID: every request that gives
/// none carries that one.
/// </summary>
/// <remarks>
/// An access that hits the port's IOTLB takes no lock and writes nothing but the port's own state. What makes that
/// safe: the port counts <c>_state</c> up when it enters an access and again when it leaves, and an entry holds only as
/// long as its key carries the port's present generation. Whoever takes a translation away raises the generation, runs
/// a barrier on all processors (which orders the port's unfenced store of <c>_state</c>) and waits until a port found
/// within an access has left it.
/// </remarks>
public sealed class DmaPort : IDisposable
{
    /// <summary>The unit of IOTLB tags in bytes; no mapping starts or ends within one.</summary>
    public const ulong Granule = 1 << GranuleShift;

    private const int GranuleShift = 11;
    internal const int IotlbSize = 256;
    private const ulong GenerationStep = 1UL << (Pasid.Bits + 1);
    private const int MaxChunk = 64 * 1024;
    private const int QuiesceSpins = 200, MaxQuiesceNap = 16; // milliseconds
    private const uint NoPasid = 0, PasidMask = (uint)GenerationStep - 1;
    private const long Closed = -1; // odd: no access can be entered any more

    private readonly Endpoint _endpoint;
    private readonly EndpointPart? _part; // of the function; null: the port is the function's own
    private readonly uint _defaultKey; // of the PASID that requests carry which give none
    private volatile TranslationRoute? _route; // of those requests; null while they are blocked
    private long _state; // odd within an access
    private ulong _generation; // in the bits above those of a PASID; below them the default PASID's key, always
    private bool _requestsPages;
    private bool _usesDeviceTlb;
    private (Iova Iova, Pasid? Pasid, Gpa Inner) _refused; // the last access that may ask for a page
    private Iotlb _iotlb; // within the port, so that no other port's state shares a cache line with this one's
    private KnownTables _tables;

    internal DmaPort(Endpoint endpoint, DeviceTlb? deviceTlb, Pasid? defaultPasid, EndpointPart? part = null)
    {
        _endpoint = endpoint;
        _part = part;
        _defaultKey = KeyOf(defaultPasid);
        _generation = GenerationStep | _defaultKey;
        DeviceTlb = deviceTlb;
    }

    /// <summary>Whose requests it sends.</summary>
    public DeviceId Device => _endpoint.Id;

    /// <summary>
    /// The PASID that requests carry which give none: what the port is bound to. Null where they have no PASID.
    /// </summary>
    public Pasid? DefaultPasid => PasidOf(_defaultKey);

    /// <summary>The part of the function that has the port; null for the function itself.</summary>
    internal EndpointPart? Part => _part;

    /// <summary>
    /// Finds what translates requests that give no PASID, if anything does. The endpoint calls it, with its lock held.
    /// </summary>
    internal void UpdateRoute() => _route = RouteOf(NoPasid);

    /// <summary>How many PASID bits its requests may carry; 0 where PASIDs are not enabled.</summary>
    public int PasidBits => (_part?.Enabled ?? _endpoint.Enabled).PasidBits;

    /// <summary>
    /// How many page requests the device may have unanswered, all ports together; 0 where PRI is not enabled.
    /// </summary>
    public int PageRequestLimit => _endpoint.Enabled.PageRequests;

    /// <summary>
    /// Reads memory: <paramref name="destination"/>.Length bytes from <paramref name="iova"/> on, in ascending order.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public DmaResult Read(Iova iova, Span<byte> destination) => Access(iova, NoPasid, new ReadTransfer(destination));

    /// <summary>
    /// Writes memory: all of <paramref name="source"/> from <paramref name="iova"/> on, in ascending order.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public DmaResult Write(Iova iova, ReadOnlySpan<byte> source) => Access(iova, NoPasid, new WriteTransfer(source));

    /// <summary>Reads memory through the page table of a PASID.</summary>
    public DmaResult Read(Pasid pasid, Iova iova, Span<byte> destination) =>
        Access(iova, KeyOf(pasid), new ReadTransfer(destination));

    /// <summary>Writes memory through the page table of a PASID.</summary>
    public DmaResult Write(Pasid pasid, Iova iova, ReadOnlySpan<byte> source) =>
        Access(iova, KeyOf(pasid), new WriteTransfer(source));

    /// <summary>
    /// Whether the device asks for pages that are missing instead of having the fault recorded. Who asks in vain says
    /// so by <see cref="GiveUp"/>. It stays false where PRI is not enabled.
    /// </summary>
    public bool RequestsPages
    {
        get => _requestsPages;
        set => _requestsPages = value && _endpoint.Enabled.PageRequests > 0;
    }

    /// <summary>
    /// The engine's own translations, which <see cref="UsesDeviceTlb"/> makes use of; null where ATS is not enabled.
    /// </summary>
    public DeviceTlb? DeviceTlb { get; }

    /// <summary>
    /// Whether accesses are translated by <see cref="DeviceTlb"/>; it stays false where there is none. Set by the
    /// thread that the port serves.
    /// </summary>
    public bool UsesDeviceTlb
    {
        get => _usesDeviceTlb;
        set
        {
            if (_usesDeviceTlb == (value && DeviceTlb is not null)) return;
            _usesDeviceTlb = !_usesDeviceTlb;
            // what the port kept without it is not to be found before it
            Interlocked.Add(ref _generation, GenerationStep);
        }
    }

    /// <summary>Asks whoever answers for the page table for a page. Not within an access; does not wait.</summary>
    /// <param name="request">The request.</param>
    /// <param name="answered">Is called once with the answer to the last request of a group, perhaps before this
    /// returns.</param>
    /// <returns>False when it was not sent, and will not be answered: the device may not now, or has as many unanswered
    /// as it may.</returns>
    public bool RequestPage(in PageRequest request, Action<PageResponse> answered) =>
        RequestsPages && (_part is null
            ? _endpoint.RequestPage(request with { Pasid = Carried(request.Pasid) }, answered)
            : _part.RequestPage(in request, answered));

    /// <summary>Records the fault of an access that the device asked a page for and did not get.</summary>
    public void GiveUp(Pasid? pasid, Iova iova, bool isWrite, DmaResult result)
    {
        Gpa inner = _refused.Iova == iova && _refused.Pasid == pasid ? _refused.Inner : default;
        _endpoint.Report(new DmaFault(Device, Carried(pasid), iova, isWrite, result.Reason, result.Syndrome, inner));
    }

    /// <summary>How a PASID is kept in an IOTLB: its value plus 1, and 0 for none.</summary>
    internal static uint KeyOf(Pasid? pasid) => pasid is { } id ? id.Value + 1 : NoPasid;

    /// <summary>What translates requests that give this PASID, or none; null while they are blocked.</summary>
    private TranslationRoute? RouteOf(uint given) =>
        _part is null ? _endpoint.RouteOf(given == NoPasid ? _defaultKey : given) : _part.RouteOf(given);

    private static Pasid? PasidOf(uint key) => key == NoPasid ? null : new Pasid(key - 1);

    /// <summary>The PASID that a request carries, whose caller gave this one or none.</summary>
    private Pasid? Carried(Pasid? given) => _part is null ? given ?? DefaultPasid : _part.Carried(given);

    /// <summary>The key of the PASID that a request carries, from the key of its IOTLB entries.</summary>
    private uint CarriedBy(ulong key)
    {
        uint given = ((uint)key & PasidMask) ^ _defaultKey;
        return given == NoPasid ? _defaultKey : given;
    }

    /// <summary>Closes the port; it must not be within an access. A later access throws.</summary>
    public void Dispose()
    {
        if (_state == Closed) return;
        _endpoint.ClosePort(this);
        _state = Closed;
    }

    /// <summary>
    /// Empties the IOTLBs of ports and waits until none is within an access that began before. What was taken out of
    /// the tables before the call is then out of use.
    /// </summary>
    internal static void Quiesce(ReadOnlySpan<DmaPort> ports)
    {
        if (ports.IsEmpty) return;
        foreach (DmaPort port in ports) Interlocked.Add(ref port._generation, GenerationStep);
        Interlocked.MemoryBarrierProcessWide();
        foreach (DmaPort port in ports)
        {
            long seen = Volatile.Read(ref port._state);
            if ((seen & 1) == 0 || seen == Closed) continue;
            // Mostly a piece of an access, some ten microseconds. One that waits in the host can take long: then nobody
            // spins for it.
            SpinWait spin = default;
            int nap = 1;
            while (Volatile.Read(ref port._state) == seen)
            {
                if (spin.Count < QuiesceSpins) spin.SpinOnce(sleep1Threshold: -1);
                else
                {
                    Thread.Sleep(nap);
                    nap = Math.Min(2 * nap, MaxQuiesceNap);
                }
            }
        }
    }

    /// <summary>One access: what the others come to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal DmaResult Access<T>(Iova iova, uint pasidKey, T transfer) where T : struct, ITransfer, allows ref struct
    {
        long state = Enter();
        nint host = Hit(iova.Value, pasidKey, transfer.Length, T.Needs);
        if (host == 0) host = Miss<T>(iova.Value, pasidKey, transfer.Length);
        if (host != 0)
        {
            transfer.All(host);
            Leave(state);
            return new DmaResult(FaultReason.None, transfer.Length);
        }

        Leave(state);
        return AccessSlow(iova, PasidOf(pasidKey), transfer);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private long Enter()
    {
        long state = _state;
        if ((state & 1) != 0) ThrowMisused();
        Volatile.Write(ref _state, state + 1);
        return state;
    }

    /// <summary>
    /// Ends the access that <see cref="Enter"/> began; not by counting further from memory, which would wait for the
    /// store.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Leave(long entered) => Volatile.Write(ref _state, entered + 2);

    /// <summary>
    /// Ends an access that threw: the device that made it may be failed for it, which waits for its accesses.
    /// </summary>
    private void Abandon()
    {
        long state = _state;
        if ((state & 1) != 0) Leave(state - 1);
    }

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
    private nint Miss<T>(ulong iova, uint pasidKey, int length) where T : struct, ITransfer, allows ref struct
    {
        nint host = pasidKey == NoPasid ? Walk<T>(iova, length) : 0;
        return host != 0 ? host : WalkAny(iova, pasidKey, length, T.Needs);
    }

    /// <summary>
    /// The common miss: all of the access lies in what one entry of a plain table stands for, which was used before. It
    /// calls nothing, so that it saves no registers: what it stores is what a processor has to hold while it waits for
    /// memory.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private nint Walk<T>(ulong iova, int length) where T : struct, ITransfer, allows ref struct
    {
        ulong key = Volatile.Read(ref _generation); // before anything else: see WalkAny
        if (_route is not { } route || iova > route.LastAddress || _usesDeviceTlb) return 0;
        if (route.Plain is not { } table)
            return route.FirstStage is null ? 0 : WalkNested(route, iova, key, length, T.Needs);
        ref ulong at = ref table.Find(iova, out int shift);
        if (Refs.IsNull(ref at)) return 0;
        var entry = new MapEntry(Volatile.Read(ref at));
        ulong after = ((1UL << shift) - 1) & ~iova;
        return entry.IsUsedDirectFor(T.Needs) && (uint)(length - 1) < MaxChunk && (uint)length - 1 <= after
            ? Keep(iova, key, entry.Delta, iova + after, entry.Access)
            : 0;
    }

    /// <summary>Any miss of which all lies in one mapping that permits it and whose memory is in our process.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private nint WalkAny(ulong iova, uint pasidKey, int length, MapAccess access)
    {
        try
        {
            // Read before anything else: an entry that is filled while a translation is being taken away carries the
            // old generation.
            ulong generation = Volatile.Read(ref _generation);
            if (_usesDeviceTlb) return 0; // looked up in AccessSlow
            if (RouteOf(pasidKey) is not { } route || iova > route.LastAddress) return 0;
            // a write that is recorded is a slow one
            MapAccess kept = route.Dirty is null ? MapAccess.ReadWrite : MapAccess.Read;
            if ((access & kept) == 0) return 0;
            ulong key = generation ^ pasidKey;
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

    /// <summary>
    /// Everything else: accesses over several mappings, long ones, memory of other processes, and faults.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private DmaResult AccessSlow<T>(Iova iova, Pasid? pasid, T transfer) where T : struct, ITransfer, allows ref struct
    {
        int tries = 0;
        for (int done = 0; done < transfer.Length;)
        {
            Resolution step = default;
            int count = 0;
            MissingBytes missing = default;
            MemoryChanges? changing;
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
                    if (!entry.IsIndirect) transfer.Part(entry.Delta + (nint)step.Address, done, count);
                    else MoveIndirect(in transfer, entry, in step, done, count, out missing);
                    if (T.Needs == MapAccess.Write)
                        step.Route!.Dirty?.Mark(step.Address, step.Address + (uint)count - 1);
                }
            }
            finally
            {
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

            if (step.Reason != FaultReason.None)
                return Fault(iova, (uint)done, pasid, T.Needs == MapAccess.Write, in step);
            done += count;
            tries = 0;
        }

        return new DmaResult(FaultReason.None, transfer.Length);
    }

    private static void MoveIndirect<T>(
        in T transfer, MapEntry entry, in Resolution step, int done, int count, out MissingBytes missing)
        where T : struct, ITransfer, allows ref struct
    {
        ref IndirectMapping mapping = ref step.Route!.Table.At(entry.Number);
        ulong at = mapping.OffsetAt(step.Address);
        missing = transfer.Part(mapping.Backing!, at, done, count)
            ? default
            : new MissingBytes(mapping.Backing!, at, (uint)count);
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
            FirstStageResult page = _usesDeviceTlb
                ? DeviceTlb!.Translate(_endpoint, step.Route!, KeyOf(pasid ?? DefaultPasid), iova, access, epoch)
                : step.Route!.FirstStage!.Translate(
                    _endpoint, new TranslationRequest(iova, access, KeyOf(pasid ?? DefaultPasid)));
            if (!page.IsOk)
            {
                step.Fail(in page);
                return default;
            }

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

    [DoesNotReturn]
    private void ThrowMisused() => throw new InvalidOperationException(
        _state == Closed
            ? "The DMA port is closed."
            : "A DMA port serves one thread at a time; open one for each engine.");
}
