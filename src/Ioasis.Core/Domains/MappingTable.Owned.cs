using System.Runtime.CompilerServices;
using Ioasis.Core.Dma;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;
using Ioasis.PageTables;

namespace Ioasis.Core.Domains;

/// <content>
/// Pages that the DMA API maps and unmaps by itself, and lazy unmapping. The entries of such pages are reserved once
/// and mapped many times, without the table's lock.
/// </content>
/// <remarks>
/// Why an unmap finds every access, though neither side takes a lock:
/// <list type="number">
/// <item>A port marks an entry by a compare-exchange before it uses what the entry says: touched at the first look-up,
/// used before it keeps the translation in its IOTLB.</item>
/// <item>An unmap replaces the entry by an atomic exchange. So it sees the mark, or the port's compare-exchange
/// fails.</item>
/// <item>A port is in <c>_ports</c> before it can translate. An unmap reads <c>_ports</c> after the exchange, so it has
/// each port whose mark it saw.</item>
/// <item>Of an entry that was only touched no IOTLB has anything. Waiting for accesses under way suffices.</item>
/// </list>
/// </remarks>
public sealed partial class MappingTable
{
    /// <summary>Counts accesses to what was unmapped lazily; null where nothing is.</summary>
    internal LateAccesses? Late { get; init; }

    /// <summary>Keeps the entries of free pages for the DMA API, which maps them by itself from now on.</summary>
    internal IovaNode Reserve(ulong first, ulong last)
    {
        using (_lock.Enter()) return _table.Reserve(first, last);
    }

    /// <summary>Ends that; nothing is mapped there.</summary>
    internal void Release(IovaNode node, ulong first, ulong last)
    {
        using (_lock.Enter()) _table.Release(node, first, last);
    }

    /// <summary>Maps reserved pages.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void MapOwned(IovaNode node, int index, int count, MapEntry entry)
    {
        for (int i = 0; i < count; i++) Volatile.Write(ref node.Value[(index + i) & IovaNode.IndexMask], entry.Value);
    }

    /// <summary>Takes reserved pages out.</summary>
    /// <returns>The OR of their entries.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static MapEntry TakeOwned(IovaNode node, int index, int count)
    {
        ulong found = 0;
        for (int i = 0; i < count; i++)
            found |= Interlocked.Exchange(ref node.Value[(index + i) & IovaNode.IndexMask], 0);
        return new MapEntry(found);
    }

    /// <summary>
    /// Begins to take reserved pages out lazily. Those that no device used are out. The accesses of devices to the
    /// others are done and counted until <see cref="EndOwned"/>.
    /// </summary>
    /// <returns>The OR of the entries.</returns>
    internal MapEntry RetireOwned(IovaNode node, int index, int count)
    {
        ulong found = 0;
        for (int i = 0; i < count; i++)
        {
            ref ulong at = ref node.Value[(index + i) & IovaNode.IndexMask];
            ulong value, next;
            do
            {
                value = Volatile.Read(ref at);
                next = new MapEntry(value).WasUsed ? value | MapEntry.RetiredBit : 0;
            }
            while (Interlocked.CompareExchange(ref at, next, value) != value);
            found |= value;
        }

        var entry = new MapEntry(found);
        if (entry.IsUsed) DmaPort.Outdate(Volatile.Read(ref _ports));
        return entry;
    }

    /// <summary>Ends reserved pages that were retired; <see cref="Settle"/> comes after it.</summary>
    internal static void EndOwned(IovaNode node, int index, int count)
    {
        for (int i = 0; i < count; i++) Volatile.Write(ref node.Value[(index + i) & IovaNode.IndexMask], 0);
    }

    /// <summary>
    /// Waits until no access uses pages any more that were taken out, and drops them from devices' own caches.
    /// </summary>
    /// <param name="ranges">The pages.</param>
    /// <param name="mayBeKept">Whether ports may have them in their IOTLBs.</param>
    internal void Settle(ReadOnlySpan<IovaRange> ranges, bool mayBeKept)
    {
        DmaPort[] ports = Volatile.Read(ref _ports);
        DropFromDevices(ports, ranges);
        if (mayBeKept) DmaPort.Outdate(ports);
        DmaPort.Await(ports);
    }

    /// <summary>
    /// Begins to take a mapping out lazily: until <see cref="Unmap(IovaRange)"/> the accesses of devices that used it
    /// are let through and counted.
    /// </summary>
    /// <param name="range">The mapping, of memory of our own process.</param>
    /// <returns>False when no device ever used it: it can be taken out at once, without waiting.</returns>
    internal bool Retire(IovaRange range)
    {
        DmaPort[] ports;
        using (_lock.Enter())
        {
            var entry = new MapEntry(_table.Find(range.First));
            if (!entry.IsUsed) return false;
            if (entry.IsIndirect)
            {
                ((DmaBounds)_indirect.At(entry.Number).Backing!).IsLate = true;
                return true;
            }

            // It stays marked: an access in flight may still use what stood here before.
            _table.Clear(range.First, range.Last);
            _table.Set(range.First, range.Last, entry.Value | MapEntry.RetiredBit);
            ports = _ports;
        }

        DmaPort.Outdate(ports);
        return true;
    }
}
