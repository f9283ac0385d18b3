using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>Makes vIOMMUs, and their devices, event queues and hardware queues.</summary>
internal static class ViommuIoctls
{
    internal static Errno Allocate(in IoctlCall call, ref IommuViommuAlloc args)
    {
        if (args.Flags != 0 || args.Type == IOMMU_VIOMMU_TYPE_DEFAULT)
            return Errno.EOPNOTSUPP.Because(
                $"flags are 0x{args.Flags:x}, which must be 0, or the type is IOMMU_VIOMMU_TYPE_DEFAULT");
        ObjectTable objects = call.Context.Objects;
        Errno errno = objects.TryGet(args.DevId, out ObjectTable.Held<IommufdDevice> heldDevice);
        using ObjectTable.Held<IommufdDevice> device = heldDevice;
        if (errno != Errno.None) return errno;
        Endpoint endpoint = device.Value.Endpoint;
        if (!endpoint.Unit.HasViommu(endpoint, args.Type))
            return Errno.EOPNOTSUPP.Because($"the device's IOMMU has no vIOMMU of type {args.Type}");
        errno = objects.TryGet(args.HwptId, out ObjectTable.Held<HwptPaging> heldParent);
        using ObjectTable.Held<HwptPaging> parent = heldParent;
        if (errno != Errno.None) return errno;
        if (!parent.Value.IsNestParent)
            return Errno.EINVAL.Because($"HWPT {args.HwptId} was made without IOMMU_HWPT_ALLOC_NEST_PARENT");

        errno = objects.TryReserve(new IommufdViommu(call.Context, endpoint.Unit, parent.Value),
            out ObjectTable.Pending<IommufdViommu>? reserved);
        if (errno != Errno.None) return errno;
        using ObjectTable.Pending<IommufdViommu> pending = reserved!;
        IommuStatus status = endpoint.Unit.CreateViommu(
            endpoint, args.Type, parent.Value.PagingDomain, CallerData.Of(call, args.Type, args.DataUptr, args.DataLen),
            pending.Value, out Viommu? viommu);
        if (status != IommuStatus.Ok) return status.ToErrno();
        pending.Value.DriverOrNull = viommu;
        args.OutViommuId = pending.Value.Id;
        errno = call.Respond(in args);
        if (errno == Errno.None) pending.Commit();
        return errno;
    }

    internal static Errno AllocateDevice(in IoctlCall call, ref IommuVdeviceAlloc args)
    {
        ObjectTable objects = call.Context.Objects;
        Errno errno = objects.TryGet(args.ViommuId, out ObjectTable.Held<IommufdViommu> heldViommu);
        using ObjectTable.Held<IommufdViommu> viommu = heldViommu;
        if (errno != Errno.None) return errno;
        errno = objects.TryGet(args.DevId, out ObjectTable.Held<IommufdDevice> heldDevice);
        using ObjectTable.Held<IommufdDevice> device = heldDevice;
        if (errno != Errno.None) return errno;
        if (viommu.Value.Unit != device.Value.Endpoint.Unit)
            return Errno.EINVAL.Because("the vIOMMU and the device are behind different IOMMUs");
        // The number would stand for all of the parent.
        if (device.Value.IsSubdevice)
            return Errno.EOPNOTSUPP.Because("a part of a device cannot be a device of a vIOMMU");

        IommuVdeviceAlloc answer = args;
        IommufdViommu owner = viommu.Value;
        IommufdDevice member = device.Value;
        IoctlCall asked = call;
        return member.Vdevice.Set(() =>
        {
            Errno failed = objects.TryReserve(new Vdevice(objects, owner, member, answer.VirtId),
                out ObjectTable.Pending<Vdevice>? reserved);
            if (failed != Errno.None) return (failed, null);
            using ObjectTable.Pending<Vdevice> pending = reserved!;
            failed = owner.Add(pending.Value);
            if (failed == Errno.None)
            {
                pending.Value.IsAdded = true;
                answer.OutVdeviceId = pending.Value.Id;
                failed = asked.Respond(in answer);
            }

            if (failed == Errno.None) pending.Commit();
            return failed == Errno.None ? (failed, pending.Value) : (failed, null);
        });
    }

    internal static Errno AllocateEventQueue(in IoctlCall call, ref IommuVeventqAlloc args)
    {
        if (args.Flags != 0 || args.Reserved != 0 || args.Type == IOMMU_VEVENTQ_TYPE_DEFAULT)
            return Errno.EOPNOTSUPP.Because(
                $"flags are 0x{args.Flags:x}, which must be 0, the reserved field is not 0, or no type is given");
        if (args.VeventqDepth is 0 or > VeventQueue.MaxDepth)
            return Errno.EINVAL.Because($"the depth is {args.VeventqDepth}; it must be 1 to {VeventQueue.MaxDepth}");
        ObjectTable objects = call.Context.Objects;
        Errno errno = objects.TryGet(args.ViommuId, out ObjectTable.Held<IommufdViommu> held);
        using ObjectTable.Held<IommufdViommu> viommu = held;
        if (errno != Errno.None) return errno;
        if (viommu.Value.HasEvents(args.Type))
            return Errno.EEXIST.Because($"the vIOMMU has a queue for events of type {args.Type} already");
        Interleave.At("ViommuIoctls.NoEventsYet");

        errno = objects.TryReserve(new VeventQueue(objects, viommu.Value, args.Type, args.VeventqDepth),
            out ObjectTable.Pending<VeventQueue>? reserved);
        if (errno != Errno.None) return errno;
        using ObjectTable.Pending<VeventQueue> pending = reserved!;
        args.OutVeventqId = pending.Value.Id;
        args.OutVeventqFd = uint.MaxValue; // as for a fault queue
        errno = call.Respond(in args);
        if (errno != Errno.None) return errno;
        var file = new VeventQueueFile(call.Context, pending.Value);
        if (!viommu.Value.Add(pending.Value))
        {
            file.Close();
            return Errno.EEXIST.Because($"the vIOMMU has a queue for events of type {args.Type} already");
        }

        SysResult placed = call.Caller.InstallQueue(file);
        if (!placed.IsOk) return placed.Errno;
        args.OutVeventqFd = (uint)placed.Value;
        errno = call.Respond(in args);
        pending.Commit();
        return errno;
    }

    internal static Errno AllocateHwQueue(in IoctlCall call, ref IommuHwQueueAlloc args)
    {
        if (args.Flags != 0 || args.Type == IOMMU_HW_QUEUE_TYPE_DEFAULT)
            return Errno.EOPNOTSUPP.Because($"flags are 0x{args.Flags:x}, which must be 0, or no type is given");
        if (args.Length == 0) return Errno.EINVAL.Because("the length is 0");
        if (!new Iova(args.NestingParentIova).TryLast(args.Length, out _))
            return Errno.EOVERFLOW.Because(
                $"IOVA 0x{args.NestingParentIova:x} + length 0x{args.Length:x} exceeds 64 bits");
        ObjectTable objects = call.Context.Objects;
        Errno errno = objects.TryGet(args.ViommuId, out ObjectTable.Held<IommufdViommu> held);
        using ObjectTable.Held<IommufdViommu> viommu = held;
        if (errno != Errno.None) return errno;
        if (!viommu.Value.Driver.HasQueues(args.Type))
            return Errno.EOPNOTSUPP.Because($"the vIOMMU has no hardware queues of type {args.Type}");

        errno = objects.TryReserve(
            new IommufdHwQueue(objects, viommu.Value), out ObjectTable.Pending<IommufdHwQueue>? reserved);
        if (errno != Errno.None) return errno;
        using ObjectTable.Pending<IommufdHwQueue> pending = reserved!;
        errno = HwQueueMemory.TryPin(call.Context, viommu.Value.Parent.Ioas, args.NestingParentIova, args.Length,
            out HwQueueMemory? memory);
        if (errno != Errno.None) return errno;
        pending.Value.SetMemory(memory!.Unpin);
        var request = new HwQueueRequest(args.Type, args.Index, new Iova(args.NestingParentIova), memory.Location,
            args.Length);
        IommuStatus status = viommu.Value.Driver.CreateQueue(in request, out HwQueue? queue);
        if (status != IommuStatus.Ok) return status.ToErrno();
        pending.Value.SetDriver(queue!);
        args.OutHwQueueId = pending.Value.Id;
        errno = call.Respond(in args);
        if (errno == Errno.None) pending.Commit();
        return errno;
    }
}
