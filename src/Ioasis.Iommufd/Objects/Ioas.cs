using Ioasis.Abi;
using Ioasis.Iommufd.Mapping;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Objects;

/// <summary>An I/O address space: what is mapped, whoever is attached to it (Linux: struct iommufd_ioas).</summary>
public sealed class Ioas : IommufdObject
{
    /// <summary>Its mappings.</summary>
    internal IoPageTable Table { get; } = new();

    /// <summary>Held while a HWPT of this IOAS is made or looked for, so that two devices do not each make one. Taken before a group's lock.</summary>
    internal Lock HwptLock { get; } = new();

    /// <summary>The HWPTs over it. Guarded by <see cref="HwptLock"/>, except that a HWPT that goes away takes itself out.</summary>
    internal HwptList Hwpts { get; } = new();

    /// <summary>Reserves a range for good, so that nothing can be mapped there (Linux: iopt_reserve_iova, without an owner).</summary>
    /// <returns>EADDRINUSE when something is mapped or allowed there.</returns>
    public Errno ReserveIova(IovaRange range) => Table.Reserve(range);

    internal override void Destroy() => Table.Unmap(IovaRange.All, out _);

    /// <summary>A list that is read as it was at one moment.</summary>
    internal sealed class HwptList
    {
        private volatile HwptPaging[] _items = [];

        internal ReadOnlySpan<HwptPaging> Snapshot => _items;

        internal void Add(HwptPaging hwpt)
        {
            lock (this) _items = [.. _items, hwpt];
        }

        internal void Remove(HwptPaging hwpt)
        {
            lock (this) _items = [.. _items.Where(h => h != hwpt)];
        }
    }
}
