using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.MockIommu.Abi;
using Ioasis.MockIommu.Devices;

namespace Ioasis.MockIommu.Operations;

/// <summary>What a driver does that gives the PASIDs of its device page tables of their own.</summary>
internal static class PasidOperations
{
    internal static Errno Attach(IoctlCall call, ref IommuTestCmd args)
    {
        Errno errno = call.Context.Objects.TryGet(args.Id, out ObjectTable.Held<SelftestDevice> held);
        using ObjectTable.Held<SelftestDevice> device = held;
        if (errno != Errno.None) return errno;
        uint pageTableId = args.Pasid.PtId;
        errno = device.Value.Attach(args.Pasid.Pasid, ref pageTableId);
        if (errno != Errno.None) return errno;
        args.Pasid = args.Pasid with { PtId = pageTableId };
        errno = call.Respond(in args);
        if (errno != Errno.None) device.Value.Detach(args.Pasid.Pasid);
        return errno;
    }

    internal static Errno Replace(IoctlCall call, ref IommuTestCmd args)
    {
        Errno errno = call.Context.Objects.TryGet(args.Id, out ObjectTable.Held<SelftestDevice> held);
        using ObjectTable.Held<SelftestDevice> device = held;
        if (errno != Errno.None) return errno;
        uint pageTableId = args.Pasid.PtId;
        errno = device.Value.Replace(args.Pasid.Pasid, ref pageTableId);
        if (errno != Errno.None) return errno;
        args.Pasid = args.Pasid with { PtId = pageTableId };
        return call.Respond(in args);
    }

    internal static Errno Detach(IoctlCall call, in IommuTestCmd args)
    {
        Errno errno = call.Context.Objects.TryGet(args.Id, out ObjectTable.Held<SelftestDevice> held);
        using ObjectTable.Held<SelftestDevice> device = held;
        if (errno == Errno.None) device.Value.Detach(args.Pasid.Pasid);
        return errno;
    }

    /// <summary>Whether a PASID is attached to a page table, or, where none is named, to nothing.</summary>
    internal static Errno CheckHwpt(IoctlCall call, in IommuTestCmd args)
    {
        Errno errno = call.Context.Objects.TryGet(args.Id, out ObjectTable.Held<SelftestDevice> held);
        using ObjectTable.Held<SelftestDevice> device = held;
        if (errno != Errno.None) return errno;
        IommuDomain? attached = AttachedTo(device.Value.Device.Endpoint, args.Pasid.Pasid);
        if (args.Pasid.PtId == 0) return attached is null ? Errno.None : Errno.EINVAL;

        errno = call.Context.Objects.TryGet(args.Pasid.PtId, out ObjectTable.Held<IommufdObject> found);
        using ObjectTable.Held<IommufdObject> pageTable = found;
        if (errno != Errno.None) return errno;
        return pageTable.Value is IommufdHwpt hwpt && hwpt.Domain == attached ? Errno.None : Errno.EINVAL;
    }

    private static IommuDomain? AttachedTo(Endpoint endpoint, uint pasid) =>
        pasid == 0 ? endpoint.Attached : Pasid.TryCreate(pasid, out Pasid id) ? endpoint.AttachedTo(id) : null;
}
