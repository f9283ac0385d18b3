using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Passthrough.Vfio.Ioctls;

/// <summary>
/// RESET, GET_PCI_HOT_RESET_INFO and PCI_HOT_RESET. Every function is alone in a slot that can be reset, so that all three are always
/// possible, and a hot reset hits nobody else.
/// </summary>
internal static class ResetIoctls
{
    internal static SysResult Reset(VfioCall call)
    {
        call.Device.Reset();
        return SysResult.Ok();
    }

    internal static SysResult GetHotResetInfo(VfioCall call)
    {
        VfioPciHotResetInfo info = call.Read<VfioPciHotResetInfo>();
        int size = Marshal.SizeOf<VfioPciHotResetInfo>();
        info.Count = 1;
        info.Flags = 0;
        if (info.Argsz - size < Marshal.SizeOf<VfioPciDependentDevice>())
        {
            SysResult told = call.Return(info, size);
            return told.IsOk ? Errno.ENOSPC : told;
        }

        RequesterId requester = call.Device.Requester;
        var device = new VfioPciDependentDevice
        {
            Devid = call.Device.BoundId,
            Segment = requester.Segment,
            Bus = requester.Bus,
            Devfn = PciRegs.PCI_DEVFN(requester.Device, requester.Function),
        };
        if (!call.TryWrite((uint)size, MemoryMarshal.AsBytes(new ReadOnlySpan<VfioPciDependentDevice>(in device)))) return Errno.EFAULT;
        info.Flags = VfioH.VFIO_PCI_HOT_RESET_FLAG_DEV_ID | VfioH.VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
        return call.Return(info, size);
    }

    internal static SysResult HotReset(VfioCall call)
    {
        VfioPciHotReset reset = call.Read<VfioPciHotReset>();
        if (reset.Flags != 0 || reset.Count != 0) return Errno.EINVAL; // a list of groups is for devices opened through theirs
        call.Device.Reset();
        return SysResult.Ok();
    }
}
