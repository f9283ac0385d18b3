using Ioasis.Abi;
using Ioasis.Iommufd;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Passthrough.Vfio.Ioctls;

/// <summary>FEATURE: what is the same for all devices (Linux: vfio_ioctl_device_feature).</summary>
internal static class FeatureIoctl
{
    /// <summary>Bytes before a feature's own data.</summary>
    internal const int Header = 8;

    internal static SysResult Feature(VfioCall call)
    {
        VfioDeviceFeature feature = call.Read<VfioDeviceFeature>();
        const uint both = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
        if ((feature.Flags & ~(VFIO_DEVICE_FEATURE_MASK | both | VFIO_DEVICE_FEATURE_PROBE)) != 0)
            return Errno.EINVAL.Because($"flags 0x{feature.Flags:x} have an unknown bit");
        if ((feature.Flags & VFIO_DEVICE_FEATURE_PROBE) == 0 && (feature.Flags & both) == both)
            return Errno.EINVAL.Because("VFIO_DEVICE_FEATURE_GET and _SET go together only with _PROBE");

        // No device can migrate. For this feature of migration Linux says EINVAL then, for the others ENOTTY.
        return (feature.Flags & VFIO_DEVICE_FEATURE_MASK) == VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2
            ? Errno.EINVAL.Because("the device cannot migrate")
            : call.Device.Ops.Feature(call, feature);
    }

    /// <summary>Whether a feature that can only be set is to be set now (Linux: vfio_check_feature).</summary>
    /// <param name="feature">The program's structure.</param>
    /// <param name="needed">Bytes of data that the feature has.</param>
    /// <param name="answer">The call's result, if the feature is not to be set.</param>
    internal static bool CheckSet(VfioDeviceFeature feature, int needed, out SysResult answer)
    {
        answer = SysResult.Ok();
        if ((feature.Flags & VFIO_DEVICE_FEATURE_GET) != 0)
            answer = Errno.EINVAL.Because("the feature can only be set");
        else if ((feature.Flags & VFIO_DEVICE_FEATURE_PROBE) != 0) return false;
        else if ((feature.Flags & VFIO_DEVICE_FEATURE_SET) == 0 || feature.Argsz - Header < needed)
            answer = Errno.EINVAL.Because(
                $"VFIO_DEVICE_FEATURE_SET is missing, or argsz, {feature.Argsz}, is too small for "
                    + $"{needed} bytes of data");
        return answer.IsOk;
    }
}
