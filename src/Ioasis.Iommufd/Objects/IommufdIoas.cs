using Ioasis.Abi;
using Ioasis.Core.Observation;
using Ioasis.Iommufd.Mapping;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// An I/O address space: mappings, independent of what is attached to it (Linux: struct iommufd_ioas).
/// </summary>
public sealed class IommufdIoas : IommufdObject
{
    private readonly Observers _observers;

    internal IommufdIoas(ObjectTable objects)
    {
        _observers = objects.Observers;
        Table = new IoPageTable(objects.Budget, this, _observers);
        _observers.Add(Table);
    }

    /// <summary>Its mappings.</summary>
    internal IoPageTable Table { get; }

    internal override long Cost => 2048;

    /// <summary>
    /// Held while a HWPT of this IOAS is made or searched for, so that two devices do not both make one. Taken before a
    /// group's lock.
    /// </summary>
    internal RankedLock HwptLock { get; } = new(LockRank.IoasHwpts);

    /// <summary>
    /// The HWPTs over it. <see cref="HwptLock"/> guards it, except that a HWPT that is destroyed removes itself.
    /// </summary>
    internal HwptList Hwpts { get; } = new();

    /// <summary>
    /// Reserves a range for good, so that nothing can be mapped there (Linux: iopt_reserve_iova without an owner).
    /// </summary>
    /// <returns>EADDRINUSE if something is mapped or allowed there.</returns>
    public Errno ReserveIova(IovaRange range) => Table.Reserve(range);

    internal override void Destroy()
    {
        Table.Unmap(IovaRange.All, out _);
        Table.Close();
        _observers.Remove(Table);
    }

    /// <summary>A list that is read as a snapshot. Adding and removing take constant time.</summary>
    internal sealed class HwptList
    {
        // Guards the list. Innermost.
        private readonly RankedLock _lock = new(LockRank.HwptList);
        private readonly LinkedList<HwptPaging> _items = [];

        internal HwptPaging[] Snapshot
        {
            get { using (_lock.Enter()) return [.. _items]; }
        }

        internal LinkedListNode<HwptPaging> Add(HwptPaging hwpt)
        {
            using (_lock.Enter()) return _items.AddLast(hwpt);
        }

        internal void Remove(LinkedListNode<HwptPaging> listed)
        {
            using (_lock.Enter()) _items.Remove(listed);
        }
    }
}
