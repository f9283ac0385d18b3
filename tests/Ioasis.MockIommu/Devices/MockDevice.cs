using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Core;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;
using Ioasis.Memory;
using Ioasis.MockIommu.Abi;
using Ioasis.MockIommu.Unit;
using static Ioasis.MockIommu.Abi.IommuTestH;

namespace Ioasis.MockIommu.Devices;

/// <summary>What the mock keeps for a device behind it (Linux: struct mock_dev).</summary>
internal sealed class MockDevice
{
    private static readonly ConditionalWeakTable<Endpoint, MockDevice> s_devices = [];

    // Guards the vIOMMU with the guest's number. A vIOMMU's locks are taken within it.
    private readonly Lock _viommuLock = new();
    private readonly uint[] _cache = new uint[MOCK_DEV_CACHE_NUM];
    private readonly uint _flags;
    private Viommu? _viommu;
    private ulong _virtualId;
    private bool _nextReservedPasidFails; // guarded by the endpoint's lock, which calls for every attachment

    private MockDevice(uint flags)
    {
        _flags = flags;
        Array.Fill(_cache, IOMMU_TEST_DEV_CACHE_DEFAULT);
    }

    /// <summary>Whether its writes cannot be recorded (MOCK_FLAGS_DEVICE_NO_DIRTY).</summary>
    internal bool HasNoDirty => (_flags & MOCK_FLAGS_DEVICE_NO_DIRTY) != 0;

    /// <summary>What is kept for a device; one that a machine's description put behind the mock has no flags.</summary>
    internal static MockDevice Of(Endpoint endpoint) => s_devices.GetValue(endpoint, static _ => new MockDevice(0));

    /// <summary>Makes a device with flags, in a group of its own, behind the selftest's unit.</summary>
    internal static Endpoint Create(uint flags)
    {
        var endpoint = new Endpoint(default, MockUnit.Selftest, new IommuGroup(0))
        {
            Features = new EndpointFeatures
            {
                PasidBits = (flags & MOCK_FLAGS_DEVICE_PASID) != 0 ? MOCK_PASID_WIDTH : 0,
                PageRequests = int.MaxValue, // the mock counts none
            },
        };
        s_devices.Add(endpoint, new MockDevice(flags));
        return endpoint;
    }

    /// <summary>Whether an entry of the device's cache is there and has a value.</summary>
    internal bool CacheHolds(uint entry, uint value) =>
        entry < _cache.Length && Volatile.Read(ref _cache[entry]) == value;

    /// <summary>Empties an entry of the device's cache, or all.</summary>
    internal void InvalidateCache(uint? entry)
    {
        if (entry is { } one) Volatile.Write(ref _cache[one], 0);
        else Array.Clear(_cache);
    }

    /// <summary>
    /// The requester ID moves to a domain; one of a vIOMMU takes it only under a number of the guest's.
    /// </summary>
    internal IommuStatus Attaching(Endpoint endpoint, IommuDomain? domain)
    {
        if (HasNoDirty && domain is PagingDomain { Options: var options }
            && (options & PagingDomainOptions.DirtyTracking) != 0) return IommuStatus.Invalid;
        Viommu? viommu = (domain as NestedDomain)?.Viommu;
        ulong virtualId = 0;
        if (viommu is not null)
        {
            if (viommu.Host.VirtualIdOf(endpoint) is not { } known) return IommuStatus.NotFound;
            virtualId = known;
        }

        lock (_viommuLock)
            if (viommu != _viommu) (_viommu, _virtualId) = (viommu, virtualId);
        return IommuStatus.Ok;
    }

    /// <summary>
    /// A PASID moves to a domain. Of one PASID every second attachment fails, so that going back to the former domain
    /// can be tried.
    /// </summary>
    internal IommuStatus AttachingPasid(Pasid pasid, IommuDomain? domain)
    {
        if (pasid.Value != IOMMU_TEST_PASID_RESERVED) return IommuStatus.Ok;
        bool fails = _nextReservedPasidFails && domain is not null;
        _nextReservedPasidFails = !_nextReservedPasidFails && domain is not null;
        return fails ? IommuStatus.NoMemory : IommuStatus.Ok;
    }

    /// <summary>Tells the guest that the device is of an event.</summary>
    /// <returns>NotFound when no guest has given it a number.</returns>
    internal IommuStatus ReportEvent()
    {
        lock (_viommuLock)
        {
            if (_viommu is null || _virtualId == 0) return IommuStatus.NotFound;
            return _viommu.Host.Report(
                IOMMU_VEVENTQ_TYPE_SELFTEST, MemoryMarshal.AsBytes([new IommuViommuEventSelftest((uint)_virtualId)]));
        }
    }
}
