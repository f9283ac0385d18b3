using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Passthrough.Vfio.Interrupts;
using Ioasis.Passthrough.Vfio.Ioctls;
using static Ioasis.Abi.VfioH;
using static Ioasis.Passthrough.Vfio.Ioctls.FeatureIoctl;

namespace Ioasis.Passthrough.Vfio.Pci.Ioctls;

/// <summary>The features of PCI functions: low power and, for one that can have virtual functions, a token.</summary>
internal static class PciFeatures
{
    private const int TokenSize = 16;

    internal static SysResult Feature(VfioPciDevice function, VfioCall call, VfioDeviceFeature feature)
    {
        switch (feature.Flags & VFIO_DEVICE_FEATURE_MASK)
        {
            case VFIO_DEVICE_FEATURE_PCI_VF_TOKEN when function.OwnToken is { } token:
                return CheckSet(feature, TokenSize, out SysResult answer) ? SetToken(call, token) : answer;
            case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY:
                return CheckSet(feature, 0, out answer) ? function.EnterLowPower() : answer;
            case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP:
                return CheckSet(feature, Marshal.SizeOf<VfioDeviceLowPowerEntryWithWakeup>(), out answer)
                    ? EnterWithWakeup(function, call) : answer;
            case VFIO_DEVICE_FEATURE_LOW_POWER_EXIT:
                if (CheckSet(feature, 0, out answer)) function.LeaveLowPower();
                return answer;
            default:
                return Errno.ENOTTY.Because("the device does not have the feature");
        }
    }

    private static SysResult SetToken(VfioCall call, VfToken token)
    {
        Span<byte> bytes = stackalloc byte[TokenSize];
        if (!call.TryRead(Header, bytes)) return UserFault.Read(unchecked(call.Argument + Header), TokenSize);
        token.Set(VfToken.FromBytes(bytes));
        return SysResult.Ok();
    }

    private static SysResult EnterWithWakeup(VfioPciDevice function, VfioCall call)
    {
        VfioDeviceLowPowerEntryWithWakeup entry = default;
        if (!call.TryRead(Header, MemoryMarshal.AsBytes(new Span<VfioDeviceLowPowerEntryWithWakeup>(ref entry))))
            return UserFault.Read(
                unchecked(call.Argument + Header), (uint)Marshal.SizeOf<VfioDeviceLowPowerEntryWithWakeup>());
        if (entry.WakeupEventfd < 0) return Errno.EINVAL.Because($"descriptor {entry.WakeupEventfd} is negative");

        // The eventfd is never signalled: a function that never sleeps is never woken.
        var wakeup = EventRequest.LookUp(call.Caller, entry.WakeupEventfd);
        wakeup.Event?.Dispose();
        return wakeup.Error != Errno.None ? wakeup.Error : function.EnterLowPower();
    }
}
