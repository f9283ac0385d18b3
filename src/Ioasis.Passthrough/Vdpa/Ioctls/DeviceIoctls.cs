using Ioasis.Abi;
using Ioasis.Devices.Virtio;
using Ioasis.Iommufd;
using Ioasis.Memory;
using static Ioasis.Abi.VhostH;

namespace Ioasis.Passthrough.Vdpa.Ioctls;

/// <summary>The ioctls that ask and tell the device as a whole. They need no owner.</summary>
internal static class DeviceIoctls
{
    private const ulong KnownBackendFeatures = (2UL << VHOST_BACKEND_F_IOTLB_PERSIST) - 2;

    /// <summary>All that Linux knows but a group for descriptors alone, which no device has.</summary>
    internal const ulong BackendFeatures = KnownBackendFeatures & ~(1UL << VHOST_BACKEND_F_DESC_ASID);

    internal static Errno GetDeviceId(ref VdpaCall call) => call.Return((uint)call.Device.Slot.Function.DeviceId);

    internal static Errno GetStatus(ref VdpaCall call) => call.Return((byte)call.Device.Slot.Status);

    /// <summary>
    /// Any superset of the status is taken; 0 resets. A reset leaves the IOTLB, the eventfds and an open batch as they
    /// are.
    /// </summary>
    internal static Errno SetStatus(ref VdpaCall call)
    {
        if (!call.IsRead) return Errno.EFAULT.Because("the argument cannot be read");
        var status = (VirtioStatus)call.Read<byte>();
        if (status == VirtioStatus.None) call.Device.Reset();
        else if ((call.Device.Slot.Status & ~status) != 0)
            return Errno.EINVAL.Because(
                $"the status is {call.Device.Slot.Status}; only 0, for a reset, takes bits away");
        else call.Device.Slot.SetStatus(status);
        return Errno.None;
    }

    internal static Errno GetFeatures(ref VdpaCall call) => call.Return(call.Device.Slot.DeviceFeatures);

    /// <summary>What the device does not offer is left out; without ACCESS_PLATFORM the device refuses.</summary>
    internal static Errno SetFeatures(ref VdpaCall call)
    {
        if ((call.Device.Slot.Status & VirtioStatus.FeaturesOk) != 0)
            return Errno.EBUSY.Because("FEATURES_OK is set; features are set before it");
        if (!call.IsRead) return Errno.EFAULT.Because("the argument cannot be read");
        ulong features = call.Read<ulong>() & call.Device.Slot.DeviceFeatures;
        if ((features & VirtioFeatures.AccessPlatform) == 0)
            return Errno.EINVAL.Because(
                "VIRTIO_F_ACCESS_PLATFORM is not among the features; the device is behind an IOMMU");
        if (!call.Device.Slot.SetDriverFeatures(features))
            return Errno.EBUSY.Because("the device does not take features now");
        call.File.AckedFeatures = features;
        return Errno.None;
    }

    internal static Errno GetBackendFeatures(ref VdpaCall call) => call.Return(BackendFeatures);

    internal static Errno SetBackendFeatures(ref VdpaCall call)
    {
        if (!call.IsRead) return Errno.EFAULT.Because("the argument cannot be read");
        ulong features = call.Read<ulong>();
        if ((features & ~KnownBackendFeatures) != 0)
            return Errno.EOPNOTSUPP.Because($"backend features 0x{features:x} have an unknown bit");
        if ((features >> VHOST_BACKEND_F_DESC_ASID & 1) != 0)
            return (features >> VHOST_BACKEND_F_IOTLB_ASID & 1) == 0
                ? Errno.EINVAL.Because("VHOST_BACKEND_F_DESC_ASID needs VHOST_BACKEND_F_IOTLB_ASID")
                : Errno.EOPNOTSUPP.Because("the device has no groups for descriptors");
        call.File.BackendFeatures = features;
        return Errno.None;
    }

    internal static Errno GetVringNum(ref VdpaCall call) => call.Return((ushort)call.Device.MaxQueueSize);

    internal static Errno GetConfigSize(ref VdpaCall call) => call.Return((uint)call.Device.Slot.Function.ConfigSize);

    internal static Errno GetVqsCount(ref VdpaCall call) => call.Return((uint)call.Device.Queues);

    internal static Errno GetGroupNum(ref VdpaCall call) => call.Return((uint)call.Device.Groups);

    internal static Errno GetAsNum(ref VdpaCall call) => call.Return((uint)call.Device.AddressSpaces);

    internal static Errno GetIovaRange(ref VdpaCall call)
    {
        IovaRange aperture = call.Device.Endpoint.Unit.Aperture;
        return call.Return(new VhostVdpaIovaRange { First = aperture.First, Last = aperture.Last });
    }

    /// <summary>As on Linux, a wrong descriptor takes the former eventfd away all the same.</summary>
    internal static Errno SetConfigCall(ref VdpaCall call)
    {
        if (!call.IsRead) return Errno.EFAULT.Because("the argument cannot be read");
        call.Device.Events.SetConfig(call.TakeEvent());
        return call.EventError;
    }

    /// <summary>Nothing happens before DRIVER_OK.</summary>
    internal static Errno Suspend(ref VdpaCall call)
    {
        call.Device.Slot.Suspend();
        return Errno.None;
    }

    internal static Errno Resume(ref VdpaCall call)
    {
        call.Device.Slot.Resume();
        return Errno.None;
    }
}
