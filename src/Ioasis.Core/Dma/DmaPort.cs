using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Memory;

namespace Ioasis.Core.Dma;

/// <summary>
/// The only way of a device to memory: every access is translated by what its requester ID, or the PASID it gives, is attached to,
/// and none is made that the mapping there does not permit. A port serves one thread at a time; a device with several engines
/// opens one for each.
/// </summary>
/// <remarks>
/// An access that hits the port's IOTLB takes no lock and writes nothing but the port's own state. What makes that safe: the port
/// counts <c>_state</c> up when it enters an access and again when it leaves, and an entry holds only as long as its key carries the
/// port's present generation. Whoever takes a translation away raises the generation, runs a barrier on all processors
/// (which orders the port's unfenced store of <c>_state</c>) and waits until a port found within an access has left it.
/// </remarks>
public sealed class DmaPort : IDisposable
{
    /// <summary>The unit of IOTLB tags in bytes; no mapping starts or ends within one.</summary>
    public const ulong Granule = 1 << GranuleShift;

    private const int GranuleShift = 11;
    private const int IotlbSize = 256;
    private const int PasidBits = Pasid.Bits + 1;
    private const int MaxChunk = 64 * 1024;
    private const uint NoPasid = 0; // a PASID is kept as its value plus 1
    private const long Closed = -1; // odd: no access can be entered any more

    private readonly Endpoint _endpoint;
    private readonly IotlbEntry[] _iotlb = new IotlbEntry[IotlbSize];
    private long _state; // odd within an access
    private ulong _generation = 1;

    internal DmaPort(Endpoint endpoint) => _endpoint = endpoint;

    /// <summary>Whose requests it sends.</summary>
    public RequesterId Requester => _endpoint.Requester;

    /// <summary>Reads memory: <paramref name="destination"/>.Length bytes from <paramref name="iova"/> on, in ascending order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public DmaResult Read(Iova iova, Span<byte> destination) => Access(iova, NoPasid, new ReadTransfer(destination));

    /// <summary>Writes memory: all of <paramref name="source"/> from <paramref name="iova"/> on, in ascending order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public DmaResult Write(Iova iova, ReadOnlySpan<byte> source) => Access(iova, NoPasid, new WriteTransfer(source));

    /// <summary>Reads memory through the page table of a PASID.</summary>
    public DmaResult Read(Pasid pasid, Iova iova, Span<byte> destination) => Access(iova, pasid.Value + 1, new ReadTransfer(destination));

    /// <summary>Writes memory through the page table of a PASID.</summary>
    public DmaResult Write(Pasid pasid, Iova iova, ReadOnlySpan<byte> source) => Access(iova, pasid.Value + 1, new WriteTransfer(source));

    /// <summary>Closes the port; it must not be within an access. A later access throws.</summary>
    public void Dispose()
    {
        if (_state == Closed) return;
        _endpoint.ClosePort(this);
        _state = Closed;
    }

    /// <summary>
    /// Empties the IOTLBs of ports and waits until none is within an access that began before. What was taken out of the tables
    /// before the call is then out of use.
    /// </summary>
    internal static void Quiesce(ReadOnlySpan<DmaPort> ports)
    {
        if (ports.IsEmpty) return;
        foreach (DmaPort port in ports) Interlocked.Increment(ref port._generation);
        Interlocked.MemoryBarrierProcessWide();
        foreach (DmaPort port in ports)
        {
            long seen = Volatile.Read(ref port._state);
            if ((seen & 1) == 0 || seen == Closed) continue;
            SpinWait wait = default;
            while (Volatile.Read(ref port._state) == seen) wait.SpinOnce();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private DmaResult Access<T>(Iova iova, uint pasidKey, T transfer) where T : struct, ITransfer, allows ref struct
    {
        Enter();
        if (TryHit(iova.Value, pasidKey, transfer.Length, T.Needs, out nint host)
            || TryWalk(iova.Value, pasidKey, transfer.Length, T.Needs, out host))
        {
            transfer.All(host);
            Leave();
            return new DmaResult(FaultReason.None, transfer.Length);
        }

        Leave();
        return AccessSlow(iova, pasidKey == NoPasid ? null : new Pasid(pasidKey - 1), transfer);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Enter()
    {
        long state = _state;
        if ((state & 1) != 0) ThrowMisused();
        Volatile.Write(ref _state, state + 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Leave() => Volatile.Write(ref _state, _state + 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryHit(ulong iova, uint pasidKey, int length, MapAccess access, out nint host)
    {
        ulong tag = iova >> GranuleShift;
        ref IotlbEntry entry = ref _iotlb[(int)(tag & (IotlbSize - 1))];
        host = entry.Delta + (nint)iova;
        return entry.Tag == tag
            && entry.Key == ((Volatile.Read(ref _generation) << PasidBits) | pasidKey)
            && (entry.LastAndAccess & (ulong)access) != 0
            && (uint)(length - 1) < MaxChunk
            && iova + (uint)length - 1 <= (entry.LastAndAccess | 3);
    }

    /// <summary>The common miss: all of the access lies in one mapping that permits it and whose memory is in our process.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryWalk(ulong iova, uint pasidKey, int length, MapAccess access, out nint host)
    {
        // Read before anything else: an entry that is filled while a translation is being taken away carries the old generation.
        ulong generation = Volatile.Read(ref _generation);
        host = 0;
        if (_endpoint.RouteOf(pasidKey) is not { } route || iova > route.LastAddress) return false;
        MapAccess kept = route.Dirty is null ? MapAccess.ReadWrite : MapAccess.Read; // a write that is recorded is a slow one
        if ((access & kept) == 0) return false;
        uint number = route.Table.Find(iova);
        if (number == 0) return false;
        ref Mapping mapping = ref route.Table.At(number);
        MarkUsed(ref mapping);
        if (!Volatile.Read(ref mapping.Live)) return false;
        ulong last = mapping.Last;
        if (iova < mapping.First || iova > last || mapping.Direct == 0 || (mapping.Access & access) == 0
            || (uint)(length - 1) >= MaxChunk || last - iova < (uint)length - 1) return false;
        ulong tag = iova >> GranuleShift;
        ref IotlbEntry entry = ref _iotlb[(int)(tag & (IotlbSize - 1))];
        entry.Tag = tag;
        entry.Key = (generation << PasidBits) | pasidKey;
        entry.Delta = mapping.Direct - (nint)mapping.First;
        entry.LastAndAccess = (last & ~3UL) | (ulong)(mapping.Access & kept);
        host = entry.Delta + (nint)iova;
        return true;
    }

    /// <summary>Tells whoever takes the mapping out that ports must be waited for. Before it is looked whether the mapping lives.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MarkUsed(ref Mapping mapping)
    {
        if (Volatile.Read(ref mapping.Used)) return;
        Volatile.Write(ref mapping.Used, true);
        Interlocked.MemoryBarrier(); // pairs with MappingTable.Unmap
    }

    /// <summary>Everything else: accesses over several mappings, long ones, memory of other processes, and faults.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private DmaResult AccessSlow<T>(Iova iova, Pasid? pasid, T transfer) where T : struct, ITransfer, allows ref struct
    {
        for (int done = 0; done < transfer.Length;)
        {
            FaultReason reason = FaultReason.None;
            int count = 0;
            Enter();
            try
            {
                ref Mapping mapping = ref Resolve(iova, (uint)done, pasid, T.Needs, out TranslationRoute? route, ref reason);
                if (reason == FaultReason.None)
                {
                    ulong offset = iova.Value + (uint)done - mapping.First;
                    count = Chunk(transfer.Length - done, mapping.Last - mapping.First - offset);
                    if (mapping.Direct != 0) transfer.Part(mapping.Direct + (nint)offset, done, count);
                    else if (!transfer.Part(mapping.Backing!, mapping.BackingOffset + offset, done, count)) reason = FaultReason.MemoryGone;
                    if (T.Needs == MapAccess.Write) route!.Dirty?.Mark(mapping.First + offset, mapping.First + offset + (uint)count - 1);
                }
            }
            finally
            {
                Leave();
            }

            if (reason != FaultReason.None) return Fault(iova, (uint)done, pasid, T.Needs == MapAccess.Write, reason);
            done += count;
        }

        return new DmaResult(FaultReason.None, transfer.Length);
    }

    /// <summary>Finds the mapping for one address within an access, or why there is none that permits it.</summary>
    private ref Mapping Resolve(
        Iova start, uint offset, Pasid? pasid, MapAccess access, out TranslationRoute? route, ref FaultReason reason)
    {
        ulong iova = unchecked(start.Value + offset);
        reason = _endpoint.Route(pasid, iova < start.Value ? ulong.MaxValue : iova, out route);
        if (reason != FaultReason.None) return ref Unsafe.NullRef<Mapping>();
        while (true)
        {
            uint number = route!.Table.Find(iova);
            if (number == 0)
            {
                reason = FaultReason.NotMapped;
                return ref Unsafe.NullRef<Mapping>();
            }

            ref Mapping mapping = ref route.Table.At(number);
            MarkUsed(ref mapping);

            // A number that was taken out, or already stands for another mapping: look again.
            if (!Volatile.Read(ref mapping.Live) || iova < mapping.First || iova > mapping.Last) continue;
            if ((mapping.Access & access) != 0) return ref mapping;
            reason = FaultReason.NoPermission;
            return ref Unsafe.NullRef<Mapping>();
        }
    }

    private DmaResult Fault(Iova start, uint offset, Pasid? pasid, bool isWrite, FaultReason reason)
    {
        _endpoint.Unit.Faults.Add(Requester, pasid, new Iova(unchecked(start.Value + offset)), isWrite, reason);
        return new DmaResult(reason, (int)offset);
    }

    /// <summary>How much to move within one access: short ones, so that whoever takes a translation away does not wait long.</summary>
    private static int Chunk(int wanted, ulong bytesAfterFirst) =>
        (int)Math.Min((uint)Math.Min(wanted, MaxChunk), bytesAfterFirst >= MaxChunk ? MaxChunk : bytesAfterFirst + 1);

    [DoesNotReturn]
    private void ThrowMisused() => throw new InvalidOperationException(
        _state == Closed ? "The DMA port is closed." : "A DMA port serves one thread at a time; open one for each engine.");
}
