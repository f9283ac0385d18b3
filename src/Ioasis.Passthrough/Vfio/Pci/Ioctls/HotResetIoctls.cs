using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;
using Ioasis.Passthrough.Vfio.Ioctls;

namespace Ioasis.Passthrough.Vfio.Pci.Ioctls;

/// <summary>
/// GET_PCI_HOT_RESET_INFO and PCI_HOT_RESET. Each function is alone in its slot, so a hot reset is always possible and
/// affects no other function.
/// </summary>
internal static class HotResetIoctls
{
    internal static SysResult GetInfo(VfioPciDevice function, VfioCall call)
    {
        VfioPciHotResetInfo info = call.Read<VfioPciHotResetInfo>();
        int size = Marshal.SizeOf<VfioPciHotResetInfo>();
        info.Count = 1;
        info.Flags = 0;
        if (info.Argsz - size < Marshal.SizeOf<VfioPciDependentDevice>())
        {
            SysResult told = call.Return(info, size);
            return told.IsOk ? Errno.ENOSPC.Because("argsz has no room for the device") : told;
        }

        RequesterId requester = function.Requester;
        var device = new VfioPciDependentDevice
        {
            Devid = call.File.IsOfGroup ? (uint)call.Device.Group!.Id : call.Device.BoundId, // a union with group_id
            Segment = requester.Segment,
            Bus = requester.Bus,
            Devfn = PciRegs.PCI_DEVFN(requester.Device, requester.Function),
        };
        if (!call.TryWrite((uint)size, MemoryMarshal.AsBytes(new ReadOnlySpan<VfioPciDependentDevice>(in device))))
            return UserFault.Write(call.Argument, info.Argsz);
        if (!call.File.IsOfGroup)
            info.Flags = VfioH.VFIO_PCI_HOT_RESET_FLAG_DEV_ID | VfioH.VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
        return call.Return(info, size);
    }

    internal static SysResult Reset(VfioPciDevice function, VfioCall call)
    {
        VfioPciHotReset reset = call.Read<VfioPciHotReset>();
        if (reset.Flags != 0 || reset.Count != 0 != call.File.IsOfGroup)
            return Errno.EINVAL.Because(
                "flags must be 0, and groups are named exactly if the device was opened through one");
        if (call.File.IsOfGroup)
        {
            Errno errno = CheckGroups(call, reset.Count);
            if (errno != Errno.None) return errno;
        }

        return function.Reset();
    }

    /// <summary>
    /// A program that opened the device through its group shows, by the groups' descriptors, that all that the reset
    /// hits is its own: here that is one group.
    /// </summary>
    private static Errno CheckGroups(VfioCall call, uint count)
    {
        if (count > 1) return Errno.EINVAL.Because($"{count} groups are named; the device is in one");
        int descriptor = 0;
        if (!call.TryRead((uint)Marshal.SizeOf<VfioPciHotReset>(),
            MemoryMarshal.AsBytes(new Span<int>(ref descriptor))))
            return UserFault.Read(call.Argument, (uint)Marshal.SizeOf<VfioPciHotReset>() + sizeof(int));
        Errno errno = call.Caller.GetFile(descriptor, out IOpenFile? file);
        if (errno != Errno.None) return errno;
        (file as IDisposable)?.Dispose();
        return file is VfioGroupFile { Group: var group } && group == call.Device.Group
            ? Errno.None
            : Errno.EINVAL.Because($"descriptor {descriptor} is not the group of the device");
    }
}
