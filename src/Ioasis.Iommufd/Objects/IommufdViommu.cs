using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Iommufd.Objects;

/// <summary>A slice of a unit that a program assigns to its guest (Linux: struct iommufd_viommu).</summary>
public sealed class IommufdViommu : IommufdObject, IViommuHost
{
    private readonly IommufdContext _context;
    private readonly ConcurrentDictionary<ulong, Vdevice?> _vdevices = new(); // null: reserved
    private readonly ConcurrentDictionary<HwQueue, IommufdHwQueue> _queues = new();

    // Guards the event queues. Taken before an event queue's own lock.
    private readonly RankedLock _eventLock = new(LockRank.ViommuEvents);
    private readonly Dictionary<uint, VeventQueue> _eventQueues = [];

    internal IommufdViommu(IommufdContext context, IommuUnit unit, HwptPaging parent)
    {
        _context = context;
        Unit = unit;
        Parent = parent;
        context.Objects.AddUser(parent);
    }

    /// <summary>The unit that it is a slice of.</summary>
    public IommuUnit Unit { get; }

    /// <summary>The second stage of everything that is nested in it.</summary>
    public HwptPaging Parent { get; }

    /// <summary>The unit's implementation.</summary>
    public Viommu Driver => DriverOrNull ?? throw new InvalidOperationException("The vIOMMU is not made yet.");

    /// <summary>The unit's implementation; null until it is made.</summary>
    internal Viommu? DriverOrNull { get; set; }

    /// <inheritdoc/>
    public Endpoint? FindDevice(ulong virtualId) =>
        _vdevices.TryGetValue(virtualId, out Vdevice? vdevice) ? vdevice?.Device.Endpoint : null;

    /// <inheritdoc/>
    public ulong? VirtualIdOf(Endpoint endpoint) =>
        _vdevices.Values.FirstOrDefault(v => v?.Device.Endpoint == endpoint)?.VirtualId;

    /// <inheritdoc/>
    public IommuStatus Report(uint type, ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty) return IommuStatus.Invalid;
        using (_eventLock.Enter())
        {
            if (!_eventQueues.TryGetValue(type, out VeventQueue? queue))
                return IommuStatus.NotSupported.Because($"the vIOMMU has no queue for events of type {type}");
            queue.Add(data);
            return IommuStatus.Ok;
        }
    }

    /// <inheritdoc/>
    public IommuStatus AllocateMmap(ulong length, out ulong offset, out SharedBytes? bytes) =>
        _context.Regions.Allocate(this, length, out offset, out bytes);

    /// <inheritdoc/>
    public void FreeMmap(ulong offset) => _context.Regions.Free(offset);

    /// <summary>Assigns a guest's ID to a device, if the ID is free and the unit agrees.</summary>
    internal Errno Add(Vdevice vdevice)
    {
        if (!_vdevices.TryAdd(vdevice.VirtualId, null))
            return Errno.EEXIST.Because($"the vIOMMU has a device of virtual ID 0x{vdevice.VirtualId:x} already");
        IommuStatus status = Driver.AddDevice(vdevice.Device.Endpoint, vdevice.VirtualId);
        if (status != IommuStatus.Ok)
        {
            _vdevices.TryRemove(vdevice.VirtualId, out _);
            return status.ToErrno();
        }

        _vdevices[vdevice.VirtualId] = vdevice;
        return Errno.None;
    }

    /// <summary>Undoes <see cref="Add(Vdevice)"/>.</summary>
    internal void Remove(Vdevice vdevice)
    {
        // not found any more, but the ID is not reused before the driver has released it
        _vdevices[vdevice.VirtualId] = null;
        Driver.RemoveDevice(vdevice.Device.Endpoint, vdevice.VirtualId);
        _vdevices.TryRemove(vdevice.VirtualId, out _);
    }

    /// <summary>Adds a queue for events of a type; false if there is one.</summary>
    internal bool Add(VeventQueue queue)
    {
        using (_eventLock.Enter()) return _eventQueues.TryAdd(queue.Type, queue);
    }

    /// <summary>Whether there is a queue for events of a type.</summary>
    internal bool HasEvents(uint type)
    {
        using (_eventLock.Enter()) return _eventQueues.ContainsKey(type);
    }

    /// <summary>Undoes <see cref="Add(VeventQueue)"/>, if it succeeded for this queue.</summary>
    internal void Remove(VeventQueue queue)
    {
        using (_eventLock.Enter())
            if (_eventQueues.TryGetValue(queue.Type, out VeventQueue? added) && added == queue)
                _eventQueues.Remove(queue.Type);
    }

    internal void Add(HwQueue driver, IommufdHwQueue queue) => _queues[driver] = queue;

    internal void Remove(HwQueue driver) => _queues.TryRemove(driver, out _);

    internal bool TryFind(HwQueue driver, [NotNullWhen(true)] out IommufdHwQueue? queue) =>
        _queues.TryGetValue(driver, out queue);

    internal override void Destroy()
    {
        DriverOrNull?.Destroy();
        _context.Objects.RemoveUser(Parent);
    }
}
