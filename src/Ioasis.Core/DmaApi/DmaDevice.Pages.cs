using System.Numerics;
using System.Runtime.CompilerServices;
using Ioasis.Core.Domains;
using Ioasis.Core.Observation;
using Ioasis.Memory;
using Ioasis.PageTables;

namespace Ioasis.Core.DmaApi;

/// <content>
/// Streaming mappings of native memory in a domain of the host, of up to 32 pages: the common ones. Their slots keep
/// addresses and entries in the page table, so that neither mapping nor unmapping takes a lock, searches or allocates.
/// </content>
public sealed partial class DmaDevice : IIovaHolder
{
    private const int BatchOrder = 4; // log2 of the pages that are allocated together, for several slots

    private readonly DmaDomain? _paging; // null: no mapping is of this kind
    private readonly int _pageShift;
    private readonly SharedSlots[] _shared =
        [.. Enumerable.Range(0, IovaCaches.MaxOrder + 1).Select(_ => new SharedSlots())];

    private readonly PerThread<LocalSlots> _local = new();
    private volatile bool _isScarce; // no run of addresses is left that several slots could share

    private IommuStatus MapPages(
        DmaDomain domain, DmaMemory memory, nint address, ulong length, DmaDirection direction, out DmaMapping mapping)
    {
        ulong inPage = (1UL << _pageShift) - 1, offset = (ulong)address & inPage;
        int count = (int)((offset + length + inPage) >> _pageShift);
        int order = count == 1 ? 0 : BitOperations.Log2((uint)(count - 1)) + 1;
        DriverThread thread = DriverThread.Enter();
        int number = _isDisposed == 0 && _local.Of(thread) is { } local ? local.Free(order).Take() : -1;
        if (number < 0 || IsBeyondMask(in _slots.At(number)))
        {
            thread.Leave();
            if (!TryTakeSlow(domain, order, ref number))
            {
                mapping = default;
                return IommuStatus.NoSpace;
            }

            DriverThread.Enter();
        }

        bool isHeld = thread.TryHold(memory);
        thread.Leave();
        if (!isHeld) Refuse(thread, memory, order, number);
        ref DmaSlot slot = ref _slots.At(number);
        ulong iova = slot.First + offset;
        slot.Iova = iova;
        slot.Length = length;
        slot.Direction = direction;
        if (slot.Memory != memory) slot.Memory = memory;
        MapAccess access = DmaDirections.AccessOf(direction);
        if (domain.Watched(EventKinds.Map) is not null)
            domain.TellMap(Space.RunAt(slot.First, address, length, access, ownsPages: true));
        MappingTable.MapOwned(slot.Node!, IndexOf(in slot), count,
            MapEntry.Owned(slot.First, address - (nint)offset, access));
        uint generation = unchecked(slot.Generation + 1);
        Volatile.Write(ref slot.Generation, generation);
        mapping = new DmaMapping(this, number, generation, iova);
        return IommuStatus.Ok;
    }

    /// <summary>Unmaps a paged slot, which is the caller's by now.</summary>
    private void UnmapPages(ref DmaSlot slot, IovaNode node, int number)
    {
        DmaDomain domain = _paging!;
        int index = IndexOf(in slot), count = CountOf(in slot);
        DmaMemory memory = slot.Memory!;
        if (domain.Watched(EventKinds.Unmap) is not null) domain.TellUnmap(RangeOf(in slot));
        if (domain.Queue is { } queue)
        {
            if (domain.Mappings.RetireOwned(node, index, count).WasUsed)
            {
                Retire(queue, number);
                return;
            }
        }
        else
        {
            MapEntry found = MappingTable.TakeOwned(node, index, count);
            Interleave.At("DmaDevice.TakenOut");
            if (found.WasUsed)
            {
                IovaRange range = RangeOf(in slot);
                domain.Mappings.Settle(new ReadOnlySpan<IovaRange>(in range), found.IsUsed);
            }
        }

        Free(number, slot.Order, memory);
    }

    /// <summary>Gives a slot that is unmapped to the thread, and releases its memory.</summary>
    private void Free(int number, int order, DmaMemory memory)
    {
        DriverThread thread = DriverThread.Enter();
        bool isReleased = thread.TryRelease(memory);
        bool isFree = _local.Of(thread) is { } local && local.Free(order).TryAdd(number);
        thread.Leave();
        if (!isReleased) memory.Release();
        if (!isFree) GiveSlow(order, [number]);
        else _room?.Given();
    }

    /// <summary>A slot that devices may still use waits for a flush.</summary>
    private void Retire(FlushQueue queue, int number)
    {
        DriverThread thread = DriverThread.Enter();
        int waiting = 0;
        if (_local.Of(thread) is { } local && local.Retired.TryAdd(number)) waiting = local.Retired.Count;
        thread.Leave();
        if (waiting is 0 or LocalSlots.MostRetired) RetireSlow(queue, number, isToAdd: waiting == 0);
        queue.Expect();
    }

    /// <summary>Flushes, because many slots of the thread wait, or because it has no list of them yet.</summary>
    private void RetireSlow(FlushQueue queue, int number, bool isToAdd)
    {
        EndRetired(queue);
        if (!isToAdd) return;
        DriverThread thread = _local.Enter(out LocalSlots local);
        local.Retired.TryAdd(number);
        thread.Leave();
    }

    /// <summary>Flushes what the calling thread unmapped.</summary>
    private void EndRetired(FlushQueue queue)
    {
        Span<int> numbers = stackalloc int[LocalSlots.MostRetired];
        using (queue.Flushing())
        {
            DriverThread thread = _local.Enter(out LocalSlots local);
            int count = local.Retired.TakeOldest(numbers);
            thread.Leave();
            Settle(queue, numbers[..count]);
            Span<int> left = numbers[..FreeMany(numbers[..count])];
            foreach (int number in left)
            {
                ref DmaSlot slot = ref _slots.At(number);
                Free(number, slot.Order, slot.Memory!);
            }
        }
    }

    /// <summary>
    /// Gives the thread slots that are unmapped, and releases their memory, in one section.
    /// </summary>
    /// <returns>For how many, now the first ones, that did not go so.</returns>
    private int FreeMany(Span<int> numbers)
    {
        int left = 0;
        DriverThread thread = _local.Enter(out LocalSlots local);
        foreach (int number in numbers)
        {
            ref DmaSlot slot = ref _slots.At(number);
            ref NumberList free = ref local.Free(slot.Order);
            if (free.HasRoom && thread.TryRelease(slot.Memory!)) free.TryAdd(number);
            else numbers[left++] = number;
        }

        thread.Leave();
        _room?.Given();
        return left;
    }

    /// <summary>Flushes what all threads unmapped. The caller holds the queue's lock.</summary>
    internal void EndAllRetired(FlushQueue queue)
    {
        if (_paging is null) return;
        Span<int> numbers = stackalloc int[LocalSlots.MostRetired];
        foreach (LocalSlots? local in _local.All)
        {
            if (local is null) continue;
            int count;
            using (DriverThread.StopAll()) count = local.Retired.TakeOldest(numbers);
            Settle(queue, numbers[..count]);
            foreach (ref int number in numbers[..count])
            {
                ref DmaSlot slot = ref _slots.At(number);
                slot.Memory!.Release();
                _shared[slot.Order].Give(new ReadOnlySpan<int>(in number));
            }
        }

        _room?.Given();
    }

    /// <summary>Waits until no device uses retired slots.</summary>
    private void Settle(FlushQueue queue, ReadOnlySpan<int> numbers)
    {
        if (numbers.IsEmpty) return;
        Span<IovaRange> ranges = queue.Ranges(numbers.Length);
        for (int i = 0; i < numbers.Length; i++)
        {
            ref DmaSlot slot = ref _slots.At(numbers[i]);
            ranges[i] = RangeOf(in slot);
            MappingTable.EndOwned(slot.Node!, IndexOf(in slot), CountOf(in slot));
        }

        _paging!.Mappings.Settle(ranges, mayBeKept: false); // retiring outdated what was kept
    }

    bool IIovaHolder.GiveBackFree()
    {
        List<int> all = [];
        using (DriverThread.StopAll())
            foreach (LocalSlots? local in _local.All) local?.TakeAll(all);
        Span<int> some = stackalloc int[LocalSlots.Moved];
        foreach (SharedSlots shared in _shared)
            for (int count = shared.Take(some); count != 0; count = shared.Take(some)) all.AddRange(some[..count]);
        foreach (int number in all) Discard(number);
        return all.Count != 0;
    }

    private bool IsBeyondMask(in DmaSlot slot) => slot.First + ((1UL << (slot.Order + _pageShift)) - 1) > _mask;

    private int IndexOf(in DmaSlot slot) => (int)(slot.First >> _pageShift) & IovaNode.IndexMask;

    private int CountOf(in DmaSlot slot) => (int)((slot.Iova + (slot.Length - 1) - slot.First) >> _pageShift) + 1;

    private IovaRange RangeOf(in DmaSlot slot) =>
        new(slot.First, slot.First + (((ulong)CountOf(in slot) << _pageShift) - 1));

    /// <summary>Takes a slot that the thread does not have.</summary>
    /// <param name="domain">The device's.</param>
    /// <param name="order">Log2 of its pages.</param>
    /// <param name="number">One whose addresses the device cannot use, or -1; becomes the slot's.</param>
    private bool TryTakeSlow(DmaDomain domain, int order, ref int number)
    {
        Span<int> some = stackalloc int[LocalSlots.Moved];
        while (true)
        {
            if (number >= 0) Discard(number);
            ObjectDisposedException.ThrowIf(_isDisposed != 0, this);
            int count = _shared[order].Take(some);
            if (count == 0) count = NewSlots(domain, order, some);
            number = count == 0 ? -1 : some[count - 1];
            if (count > 1) GiveSlow(order, some[..(count - 1)]);
            if (count == 0) return false;
            if (!IsBeyondMask(in _slots.At(number))) return true;
        }
    }

    /// <summary>Makes slots with addresses, and entries for them in the page table; the highest is the last.</summary>
    private int NewSlots(DmaDomain domain, int order, Span<int> numbers)
    {
        int runs = order < BatchOrder && !_isScarce ? 1 << (BatchOrder - order) : 1;
        ulong each = 1UL << (order + _pageShift);
        ulong limit = UsesOnly32Bits ? Math.Min(IovaSpace.Last32, _mask) : _mask;
        if (runs == 1 || !domain.Iovas!.TryAllocate((ulong)runs * each, limit, out ulong first))
        {
            if (runs != 1) _isScarce = true;
            runs = 1;
            if (!TryAllocate(each, _mask, out first)) return 0;
        }

        IovaNode node = domain.Mappings.Reserve(first, first + (((ulong)runs * each) - 1));
        for (int i = 0; i < runs; i++)
        {
            int number = _slots.Take();
            ref DmaSlot slot = ref _slots.At(number);
            (slot.First, slot.Order, slot.Node) = (first + ((ulong)i * each), (byte)order, node);
            numbers[i] = number;
        }

        return runs;
    }

    /// <summary>Makes a free paged slot a bare one.</summary>
    private void Discard(int number)
    {
        ref DmaSlot slot = ref _slots.At(number);
        ulong first = slot.First, length = 1UL << (slot.Order + _pageShift);
        _paging!.Mappings.Release(slot.Node!, first, first + (length - 1));
        (slot.Node, slot.Memory) = (null, null);
        _slots.Give(number);
        _paging.Iovas!.Free(first, length);
    }

    /// <summary>Gives free slots to the thread, and to all what it has no room for.</summary>
    private void GiveSlow(int order, ReadOnlySpan<int> numbers)
    {
        Span<int> surplus = stackalloc int[LocalSlots.Moved];
        DriverThread thread = _local.Enter(out LocalSlots local);
        ref NumberList free = ref local.Free(order);
        int given = 0, moved = 0;
        while (given < numbers.Length && free.TryAdd(numbers[given])) given++;
        if (given < numbers.Length)
        {
            moved = free.TakeOldest(surplus);
            while (given < numbers.Length && free.TryAdd(numbers[given])) given++;
        }

        thread.Leave();
        if (moved != 0) _shared[order].Give(surplus[..moved]);
        if (given < numbers.Length) _shared[order].Give(numbers[given..]);
        _room?.Given();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Refuse(DriverThread thread, DmaMemory memory, int order, int number)
    {
        GiveSlow(order, [number]);
        thread.Refuse(memory);
    }
}
