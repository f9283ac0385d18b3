using Ioasis.Abi;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>Makes HWPTs, and describes the hardware behind a device.</summary>
internal static class HwptIoctls
{
    internal static Errno Allocate(in IoctlCall call, ref IommuHwptAlloc args)
    {
        if (args.Reserved != 0)
            return Errno.EOPNOTSUPP.Because($"the reserved field is 0x{args.Reserved:x}; it must be 0");
        if ((args.DataType == IOMMU_HWPT_DATA_NONE) != (args.DataLen == 0))
            return Errno.EINVAL.Because(
                $"data of type {args.DataType} have {args.DataLen} bytes; only IOMMU_HWPT_DATA_NONE has none");
        ObjectTable objects = call.Context.Objects;
        Errno errno = objects.TryGet(args.DevId, out ObjectTable.Held<IommufdDevice> device);
        if (errno != Errno.None) return errno;
        using (device)
        {
            if (args.DataType == IoasisH.IOASIS_HWPT_DATA_PROCESS)
                return AllocateProcess(call, ref args, device.Value.Endpoint);
            if (objects.TryGet(args.PtId, out ObjectTable.Held<IommufdObject> parent) != Errno.None)
                return Errno.EINVAL.Because($"the context has no object {args.PtId}");
            using (parent)
            {
                CallerData? data = CallerData.Of(call, args.DataType, args.DataUptr, args.DataLen);
                return parent.Value switch
                {
                    IommufdIoas ioas => AllocatePaging(call, ref args, device.Value.Endpoint, ioas, data),
                    HwptPaging hwpt => AllocateNested(call, ref args, device.Value.Endpoint, hwpt, data),
                    IommufdViommu viommu => AllocateNested(call, ref args, device.Value.Endpoint, viommu, data),
                    _ => Errno.EINVAL.Because($"object {args.PtId} is no IOAS, HWPT or vIOMMU"),
                };
            }
        }
    }

    internal static Errno HardwareInfo(in IoctlCall call, ref IommuHwInfo args)
    {
        if ((args.Flags & ~IOMMU_HW_INFO_FLAG_INPUT_TYPE) != 0)
            return Errno.EOPNOTSUPP.Because(
                $"flags 0x{args.Flags:x} have a bit other than IOMMU_HW_INFO_FLAG_INPUT_TYPE");
        for (int i = 0; i < 3; i++)
            if (args.Reserved[i] != 0) return Errno.EOPNOTSUPP.Because("a reserved field is not 0");
        if ((args.Flags & IOMMU_HW_INFO_FLAG_INPUT_TYPE) == 0) args.InDataType = IOMMU_HW_INFO_TYPE_DEFAULT;

        Errno errno = call.Context.Objects.TryGet(args.DevId, out ObjectTable.Held<IommufdDevice> held);
        using ObjectTable.Held<IommufdDevice> device = held;
        if (errno != Errno.None) return errno;
        Endpoint endpoint = device.Value.Endpoint;
        if (!endpoint.Unit.TryGetHardwareInfo(endpoint, args.InDataType, out HardwareInfo info))
            return Errno.EOPNOTSUPP.Because($"the device's IOMMU has no information of type {args.InDataType}");

        ReadOnlySpan<byte> data = info.Data.Span[..(int)Math.Min(args.DataLen, (uint)info.Data.Length)];
        if (!call.Caller.Memory.TryWrite(new Hva(args.DataUptr), data)
            || !TryClear(call.Caller.Memory, unchecked(args.DataUptr + (uint)data.Length),
                Math.Min(args.DataLen, UserStruct.Most) - (uint)data.Length))
            return UserFault.Write(args.DataUptr, args.DataLen);
        if (args.DataLen > UserStruct.Most)
            return Errno.E2BIG.Because(
                $"data_len is 0x{args.DataLen:x}; at most 0x{UserStruct.Most:x} bytes are filled");

        args.DataLen = (uint)info.Data.Length;
        args.OutDataType = info.Type;
        args.OutMaxPasidLog2 = (byte)device.Value.MaxPasidLog2;
        args.OutCapabilities = (endpoint.Unit.SupportsDirtyTracking(endpoint) ? IOMMU_HW_CAP_DIRTY_TRACKING : 0)
            | (device.Value.Enabled.Ats ? 0 : IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED)
            | (device.Value.MaxPasidLog2 > 0 && device.Value.Enabled.PasidExecute ? IOMMU_HW_CAP_PCI_PASID_EXEC : 0)
            | (device.Value.MaxPasidLog2 > 0 && device.Value.Enabled.PasidPrivileged ? IOMMU_HW_CAP_PCI_PASID_PRIV : 0);
        return call.Respond(in args);
    }

    private static Errno AllocatePaging(
        IoctlCall call, ref IommuHwptAlloc args, Endpoint endpoint, IommufdIoas ioas, CallerData? data)
    {
        using (ioas.HwptLock.Enter())
        {
            Errno errno = HwptPaging.Prepare(
                call.Context.Objects, ioas, endpoint, args.Flags, data, out ObjectTable.Pending<HwptPaging>? prepared);
            if (errno != Errno.None) return errno;
            using ObjectTable.Pending<HwptPaging> pending = prepared!;
            if ((errno = pending.Value.Fill()) != Errno.None) return errno;
            errno = Finish(call, ref args, pending.Value);
            if (errno == Errno.None) pending.Commit();
            return errno;
        }
    }

    private static Errno AllocateNested(
        IoctlCall call, ref IommuHwptAlloc args, Endpoint endpoint, HwptPaging parent, CallerData? data)
    {
        Errno errno = HwptNested.Prepare(call.Context.Objects, parent, endpoint.Unit, args.Flags, data,
            out ObjectTable.Pending<IommufdHwpt>? prepared);
        return errno == Errno.None ? Commit(call, ref args, prepared!) : errno;
    }

    private static Errno AllocateNested(
        IoctlCall call, ref IommuHwptAlloc args, Endpoint endpoint, IommufdViommu viommu, CallerData? data)
    {
        if (viommu.Unit != endpoint.Unit)
            return Errno.EINVAL.Because("the vIOMMU and the device are behind different IOMMUs");
        Errno errno = HwptNested.Prepare(call.Context.Objects, viommu, args.Flags, data,
            out ObjectTable.Pending<IommufdHwpt>? prepared);
        return errno == Errno.None ? Commit(call, ref args, prepared!) : errno;
    }

    private static Errno AllocateProcess(in IoctlCall call, ref IommuHwptAlloc args, Endpoint endpoint)
    {
        if (args.PtId != 0)
            return Errno.EINVAL.Because($"pt_id is {args.PtId}; the table of a process has no parent, so it must be 0");
        Errno errno = HwptProcess.Prepare(
            call.Context.Objects, endpoint, call.Caller.Memory, args.Flags,
            CallerData.Of(call, args.DataType, args.DataUptr, args.DataLen)!,
            out ObjectTable.Pending<IommufdHwpt>? prepared);
        return errno == Errno.None ? Commit(call, ref args, prepared!) : errno;
    }

    private static Errno Commit(in IoctlCall call, ref IommuHwptAlloc args, ObjectTable.Pending<IommufdHwpt> prepared)
    {
        using ObjectTable.Pending<IommufdHwpt> pending = prepared;
        Errno errno = Finish(call, ref args, pending.Value);
        if (errno == Errno.None) pending.Commit();
        return errno;
    }

    /// <summary>The common end of all kinds: connects the fault queue, and writes back the new ID.</summary>
    private static Errno Finish(in IoctlCall call, ref IommuHwptAlloc args, IommufdHwpt hwpt)
    {
        if ((args.Flags & IOMMU_HWPT_FAULT_ID_VALID) != 0)
        {
            Errno errno = call.Context.Objects.TryGet(args.FaultId, out ObjectTable.Held<IommufdFaultQueue> held);
            using ObjectTable.Held<IommufdFaultQueue> faults = held;
            if (errno != Errno.None) return errno;
            hwpt.SetFaults(faults.Value);
        }

        args.OutHwptId = hwpt.Id;
        return call.Respond(in args);
    }

    private static bool TryClear(AddressSpace memory, ulong address, uint length)
    {
        Span<byte> zeros = stackalloc byte[4096];
        zeros.Clear();
        for (ulong done = 0; done < length; done += (uint)zeros.Length)
            if (!memory.TryWrite(new Hva(unchecked(address + done)),
                zeros[..(int)Math.Min((uint)zeros.Length, length - done)])) return false;
        return true;
    }
}
