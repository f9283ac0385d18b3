using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Passthrough.Vfio.Interrupts;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Passthrough.Vfio.Ioctls;

/// <summary>
/// FEATURE: a device without migration and dma-bufs has low power and, if it has virtual functions, a token.
/// </summary>
internal static class FeatureIoctl
{
    private const int Header = 8, TokenSize = 16;

    internal static SysResult Feature(VfioCall call)
    {
        VfioDeviceFeature feature = call.Read<VfioDeviceFeature>();
        const uint both = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
        if ((feature.Flags & ~(VFIO_DEVICE_FEATURE_MASK | both | VFIO_DEVICE_FEATURE_PROBE)) != 0) return Errno.EINVAL;
        if ((feature.Flags & VFIO_DEVICE_FEATURE_PROBE) == 0 && (feature.Flags & both) == both) return Errno.EINVAL;
        uint data = feature.Argsz - Header;
        switch (feature.Flags & VFIO_DEVICE_FEATURE_MASK)
        {
            case VFIO_DEVICE_FEATURE_PCI_VF_TOKEN when call.Device.OwnToken is { } token:
                return CheckSet(feature.Flags, data, TokenSize, out SysResult answer) ? SetToken(call, token) : answer;
            case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY:
                return CheckSet(feature.Flags, data, 0, out answer) ? call.Device.EnterLowPower() : answer;
            case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP:
                return CheckSet(feature.Flags, data, Marshal.SizeOf<VfioDeviceLowPowerEntryWithWakeup>(),
                    out answer) ? EnterWithWakeup(call) : answer;
            case VFIO_DEVICE_FEATURE_LOW_POWER_EXIT:
                if (CheckSet(feature.Flags, data, 0, out answer)) call.Device.LeaveLowPower();
                return answer;
            case VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2:
                return Errno.EINVAL; // where the others of migration are unknown, Linux says so of this one
            default:
                return Errno.ENOTTY;
        }
    }

    /// <summary>
    /// Whether the feature, which can only be set, is to be set now; if not, <paramref name="answer"/> is the call's.
    /// </summary>
    private static bool CheckSet(uint flags, uint available, int needed, out SysResult answer)
    {
        answer = SysResult.Ok();
        if ((flags & VFIO_DEVICE_FEATURE_GET) != 0) answer = Errno.EINVAL;
        else if ((flags & VFIO_DEVICE_FEATURE_PROBE) != 0) return false;
        else if ((flags & VFIO_DEVICE_FEATURE_SET) == 0 || available < needed) answer = Errno.EINVAL;
        return answer.IsOk;
    }

    private static SysResult SetToken(VfioCall call, VfToken token)
    {
        Span<byte> bytes = stackalloc byte[TokenSize];
        if (!call.TryRead(Header, bytes)) return Errno.EFAULT;
        token.Set(VfToken.FromBytes(bytes));
        return SysResult.Ok();
    }

    private static SysResult EnterWithWakeup(VfioCall call)
    {
        VfioDeviceLowPowerEntryWithWakeup entry = default;
        if (!call.TryRead(Header, MemoryMarshal.AsBytes(new Span<VfioDeviceLowPowerEntryWithWakeup>(ref entry))))
            return Errno.EFAULT;
        if (entry.WakeupEventfd < 0) return Errno.EINVAL;

        // The eventfd is never signalled: a function that never sleeps is never woken.
        var wakeup = EventRequest.LookUp(call.Caller, entry.WakeupEventfd);
        wakeup.Event?.Dispose();
        return wakeup.Error != Errno.None ? wakeup.Error : call.Device.EnterLowPower();
    }
}
