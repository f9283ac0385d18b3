using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Units;
using Ioasis.Memory;
using Ioasis.MockIommu.Abi;
using Ioasis.MockIommu.Devices;
using static Ioasis.MockIommu.Abi.IommuTestH;

namespace Ioasis.MockIommu.Unit;

/// <summary>
/// A slice of the mock for a guest: caches of its devices, two hardware queues and a page to map (Linux: struct
/// mock_viommu).
/// </summary>
internal sealed class MockViommu : Viommu
{
    private const ulong PageLength = 2 * 4096;

    // Guards the queues.
    private readonly Lock _queueLock = new();
    private readonly MockHwQueue?[] _queues = new MockHwQueue?[IOMMU_TEST_HW_QUEUE_MAX];
    private ulong? _mmapOffset;

    private MockViommu(IViommuHost host, PagingDomain parent) : base(host, parent)
    {
    }

    /// <summary>Makes one. A program that gives data gets it back: in a page that it can map, and at once.</summary>
    internal static IommuStatus Create(PagingDomain parent, UserData? data, IViommuHost host, out MockViommu? viommu)
    {
        viommu = null;
        var created = new MockViommu(host, parent);
        IommuStatus status = data is null ? IommuStatus.Ok : created.Loop(data);
        if (status == IommuStatus.Ok) viommu = created;
        else created.Destroy();
        return status;
    }

    public override IommuStatus CreateNestedDomain(PagingDomainOptions options, UserData data,
        out NestedDomain? domain) =>
        MockNestedDomain.Create(Parent, this, options, data, out domain);

    protected override IommuStatus DropCaches(UserDataArray entries, out int done)
    {
        done = 0;
        if (entries.Count == 0 && entries.Type == IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST) return IommuStatus.Ok;
        var commands = new IommuViommuInvalidateSelftest[entries.Count];
        IommuStatus status = entries.TryReadAll<IommuViommuInvalidateSelftest>(
            IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST, commands);
        for (; status == IommuStatus.Ok && done < commands.Length; done++)
        {
            status = Invalidate(commands[done]);
            if (status != IommuStatus.Ok) return status;
        }

        return status;
    }

    public override bool HasQueues(uint type) => type == IOMMU_HW_QUEUE_TYPE_SELFTEST;

    public override IommuStatus CreateQueue(in HwQueueRequest request, out HwQueue? queue)
    {
        queue = null;
        if (request.Index >= _queues.Length) return IommuStatus.Invalid;
        lock (_queueLock)
        {
            if (_queues[request.Index] is not null) return IommuStatus.Exists;
            MockHwQueue? former = request.Index == 0 ? null : _queues[request.Index - 1];
            if (request.Index != 0 && former is null) return IommuStatus.DeviceError;
            if (!Parent.TryLocate(request.Base, out MemoryLocation location) || location != request.Location)
                return IommuStatus.BadMemory;
            queue = _queues[request.Index] = new MockHwQueue(this, request.Index, former);
            return IommuStatus.Ok;
        }
    }

    public override void Destroy()
    {
        if (_mmapOffset is { } offset) Host.FreeMmap(offset);
    }

    private void Remove(uint index)
    {
        lock (_queueLock) _queues[index] = null;
    }

    private IommuStatus Loop(UserData data)
    {
        IommuStatus status = data.TryRead(IOMMU_VIOMMU_TYPE_SELFTEST, IommuViommuSelftest.FirstVersion,
            out IommuViommuSelftest values);
        if (status != IommuStatus.Ok) return status;
        status = Host.AllocateMmap(PageLength, out ulong offset, out SharedBytes? page);
        if (status != IommuStatus.Ok) return status;
        _mmapOffset = offset;
        page!.Write(0, values.InData);
        values = values with { OutData = values.InData, OutMmapLength = PageLength, OutMmapOffset = offset };
        return data.TryWrite(IOMMU_VIOMMU_TYPE_SELFTEST, IommuViommuSelftest.FirstVersion, in values);
    }

    private IommuStatus Invalidate(IommuViommuInvalidateSelftest command)
    {
        if ((command.Flags & ~IOMMU_TEST_INVALIDATE_FLAG_ALL) != 0) return IommuStatus.NotSupported;
        if (command.CacheId >= MOCK_DEV_CACHE_NUM) return IommuStatus.Invalid;
        if (Host.FindDevice(command.VdevId) is not { } endpoint) return IommuStatus.Invalid;
        MockDevice.Of(endpoint).InvalidateCache(
            (command.Flags & IOMMU_TEST_INVALIDATE_FLAG_ALL) != 0 ? null : command.CacheId);
        return IommuStatus.Ok;
    }

    /// <summary>
    /// A queue that does nothing but must not go before the one that was made before it (Linux: struct mock_hw_queue).
    /// </summary>
    private sealed class MockHwQueue(MockViommu viommu, uint index, MockHwQueue? former) : HwQueue
    {
        public override HwQueue? DependsOn => former;

        public override void Destroy() => viommu.Remove(index);
    }
}
