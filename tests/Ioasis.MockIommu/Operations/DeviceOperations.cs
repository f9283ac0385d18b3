using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Endpoints;
using Ioasis.Core.PageRequests;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.MockIommu.Abi;
using Ioasis.MockIommu.Devices;
using Ioasis.MockIommu.Unit;
using static Ioasis.MockIommu.Abi.IommuTestH;

namespace Ioasis.MockIommu.Operations;

/// <summary>Making devices, and letting them do something.</summary>
internal static class DeviceOperations
{
    internal static Errno Create(IoctlCall call, ref IommuTestCmd args, uint flags)
    {
        using ObjectTable.Pending<SelftestDevice> pending =
            call.Context.Objects.Reserve(new SelftestDevice(call.Context));
        if ((flags & ~(MOCK_FLAGS_DEVICE_NO_DIRTY | MOCK_FLAGS_DEVICE_PASID)) != 0) return Errno.EINVAL;
        MemoryOperations.Remember(call.Context);
        uint pageTableId = args.Id;
        Errno errno = pending.Value.Bind(flags, ref pageTableId);
        if (errno != Errno.None) return errno;
        args.MockDomain = args.MockDomain with
        {
            OutHwptId = pageTableId,
            OutStdevId = pending.Value.Id,
            OutIdevId = pending.Value.Device.Id
        };
        errno = call.Respond(in args);
        if (errno == Errno.None) pending.Commit();
        return errno;
    }

    internal static Errno Replace(IoctlCall call, ref IommuTestCmd args)
    {
        Errno errno = call.Context.Objects.TryGet(args.Id, out ObjectTable.Held<SelftestDevice> held);
        using ObjectTable.Held<SelftestDevice> device = held;
        if (errno != Errno.None) return errno;
        uint pageTableId = args.MockDomainReplace.PtId;
        errno = device.Value.Replace(ref pageTableId);
        if (errno != Errno.None) return errno;
        args.MockDomainReplace = new MockDomainReplaceArgs(pageTableId);
        return call.Respond(in args);
    }

    internal static Errno CheckCache(IoctlCall call, in IommuTestCmd args)
    {
        Errno errno = TryGet(call, args.Id, out ObjectTable.Held<IommufdDevice> held);
        using ObjectTable.Held<IommufdDevice> device = held;
        if (errno != Errno.None) return errno;
        return MockDevice.Of(device.Value.Endpoint).CacheHolds(args.CheckDevCache.Id, args.CheckDevCache.Cache)
            ? Errno.None
            : Errno.EINVAL;
    }

    /// <summary>Whether anybody answers is not told: the device would learn that, not who made it ask.</summary>
    internal static Errno RequestPage(IoctlCall call, in IommuTestCmd args)
    {
        TriggerIopfArgs request = args.TriggerIopf;
        Errno errno = TryGet(call, request.DevId, out ObjectTable.Held<IommufdDevice> held);
        using ObjectTable.Held<IommufdDevice> device = held;
        if (errno != Errno.None || !Pasid.TryCreate(request.Pasid, out Pasid pasid)) return errno;
        Endpoint endpoint = device.Value.Endpoint;
        endpoint.RequestPage(new PageRequest(
            pasid.Value == 0 ? null : pasid, request.Grpid, (PageRequestAccess)request.Perm, new Iova(request.Addr),
            IsLast: true));
        return Errno.None;
    }

    internal static Errno ReportEvent(IoctlCall call, in IommuTestCmd args)
    {
        Errno errno = TryGet(call, args.TriggerVevent.DevId, out ObjectTable.Held<IommufdDevice> held);
        using ObjectTable.Held<IommufdDevice> device = held;
        if (errno != Errno.None) return errno;
        return MockDevice.Of(device.Value.Endpoint).ReportEvent() switch
        {
            IommuStatus.Ok => Errno.None,
            IommuStatus.NotSupported => Errno.EOPNOTSUPP,
            _ => Errno.ENOENT,
        };
    }

    /// <summary>A device that is behind a mock.</summary>
    private static Errno TryGet(IoctlCall call, uint id, out ObjectTable.Held<IommufdDevice> held)
    {
        Errno errno = call.Context.Objects.TryGet(id, out held);
        if (errno != Errno.None || held.Value.Endpoint.Unit is MockUnit) return errno;
        held.Dispose();
        held = default;
        return Errno.EINVAL;
    }
}
