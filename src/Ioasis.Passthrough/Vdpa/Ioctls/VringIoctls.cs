using System.Numerics;
using Ioasis.Abi;
using Ioasis.Devices.Virtio;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using static Ioasis.Abi.VhostH;

namespace Ioasis.Passthrough.Vdpa.Ioctls;

/// <summary>
/// The ioctls of one queue, whose number was checked (Linux: vhost_vring_ioctl, vhost_vdpa_vring_ioctl). What they set
/// is taken when the queue starts to run.
/// </summary>
internal static class VringIoctls
{
    private const ulong AvailableAlignment = 2, UsedAlignment = 4;

    /// <summary>Possible at any time.</summary>
    internal static Errno SetNum(ref VdpaCall call)
    {
        uint size = call.Read<VhostVringState>().Num;
        int most = call.Device.Slot.Function.Queues[call.Queue].MaxSize;
        if (size == 0 || size > (uint)most || !BitOperations.IsPow2(size))
            return Errno.EINVAL.Because($"the size is {size}; it must be a power of 2 up to {most}");
        call.Device.Slot.SetSize(call.Queue, (int)size);
        return Errno.None;
    }

    /// <summary>The addresses are IOVAs, which need not be mapped. That of the descriptors is not judged.</summary>
    internal static Errno SetAddresses(ref VdpaCall call)
    {
        if (!call.IsRead) return Errno.EFAULT.Because("the argument cannot be read");
        var addresses = call.Read<VhostVringAddr>();
        if ((addresses.Flags & ~(1u << VHOST_VRING_F_LOG)) != 0)
            return Errno.EOPNOTSUPP.Because($"flags 0x{addresses.Flags:x} have a bit other than VHOST_VRING_F_LOG");
        if (addresses.AvailUserAddr % AvailableAlignment != 0 || addresses.UsedUserAddr % UsedAlignment != 0
            || addresses.LogGuestAddr % UsedAlignment != 0 || !IsStopped(call.Device))
            return Errno.EINVAL.Because("an address is not aligned, or the device runs");
        call.Device.Slot.SetAddresses(
            call.Queue, addresses.DescUserAddr, addresses.AvailUserAddr, addresses.UsedUserAddr);
        return Errno.None;
    }

    /// <summary>
    /// Split: the index of the next available entry. Packed: in the low half the next available descriptor, in the high
    /// half the next used one, each with its wrap counter in bit 15.
    /// </summary>
    internal static Errno SetBase(ref VdpaCall call)
    {
        if (!call.IsRead) return Errno.EFAULT.Because("the argument cannot be read");
        uint value = call.Read<VhostVringState>().Num;
        if (value > ushort.MaxValue && (call.File.AckedFeatures & VirtioFeatures.PackedRing) == 0)
            return Errno.EINVAL.Because($"the base is {value}; without packed rings it has 16 bits");
        if (!IsStopped(call.Device)) return Errno.EINVAL.Because("the device runs");
        call.Device.Slot.SetBase(call.Queue, value);
        return Errno.None;
    }

    internal static Errno GetBase(ref VdpaCall call) => Return(ref call, call.Device.Slot.GetBase(call.Queue));

    /// <summary>Notifies the device at once if the eventfd is raised already. Its counter is left as it is.</summary>
    internal static Errno SetKick(ref VdpaCall call)
    {
        if (!call.IsRead) return Errno.EFAULT.Because("the argument cannot be read");
        if (call.EventError != Errno.None) return call.EventError;
        (VirtioSlot slot, int queue) = (call.Device.Slot, call.Queue);
        return call.Device.Events.SetKick(call.Device, queue, call.TakeEvent(), () => slot.Kick(queue));
    }

    internal static Errno SetCall(ref VdpaCall call) => SetEvent(ref call, call.Device.Events.SetCall);

    internal static Errno SetError(ref VdpaCall call) => SetEvent(ref call, call.Device.Events.SetError);

    internal static Errno SetBusyLoopTimeout(ref VdpaCall call)
    {
        if (!call.IsRead) return Errno.EFAULT.Because("the argument cannot be read");
        call.File.BusyLoopTimeouts[(uint)call.Queue] = call.Read<VhostVringState>().Num;
        return Errno.None;
    }

    internal static Errno GetBusyLoopTimeout(ref VdpaCall call) =>
        Return(ref call, call.File.BusyLoopTimeouts.GetValueOrDefault((uint)call.Queue));

    /// <summary>Possible at any time and in any order; any number but 0 enables.</summary>
    internal static Errno SetEnable(ref VdpaCall call)
    {
        if (!call.IsRead) return Errno.EFAULT.Because("the argument cannot be read");
        call.Device.Slot.SetEnabled(call.Queue, call.Read<VhostVringState>().Num != 0);
        return Errno.None;
    }

    internal static Errno GetGroup(ref VdpaCall call) =>
        Return(ref call, (uint)call.Device.Slot.Function.Queues[call.Queue].Group);

    /// <summary>No device has a group for descriptors alone.</summary>
    internal static Errno GetDescGroup(ref VdpaCall call) =>
        Errno.EOPNOTSUPP.Because("the device has no groups for descriptors");

    /// <summary>As on Linux, the number of the group was checked as one of a queue before.</summary>
    internal static Errno SetGroupAsid(ref VdpaCall call)
    {
        if (!call.IsRead) return Errno.EFAULT.Because("the argument cannot be read");
        uint asid = call.Read<VhostVringState>().Num;
        if (call.Queue >= call.Device.Groups || asid >= (uint)call.Device.AddressSpaces)
            return Errno.EINVAL.Because(
                $"group {call.Queue} or address space {asid} is not there; see VHOST_VDPA_GET_GROUP_NUM and _AS_NUM");
        if (call.Device.IsRunning) return Errno.EBUSY.Because("the device runs");
        call.Device.SetAsid(call.Queue, (int)asid);
        return Errno.None;
    }

    /// <summary>The most entries until DRIVER_OK, then those that there are.</summary>
    internal static Errno GetSize(ref VdpaCall call)
    {
        VirtioSlot slot = call.Device.Slot;
        return Return(ref call, (uint)(call.Device.IsRunning
            ? slot.SizeOf(call.Queue)
            : slot.Function.Queues[call.Queue].MaxSize));
    }

    private static Errno SetEvent(ref VdpaCall call, Action<int, IEventFile?> set)
    {
        if (!call.IsRead) return Errno.EFAULT.Because("the argument cannot be read");
        if (call.EventError != Errno.None) return call.EventError;
        set(call.Queue, call.TakeEvent());
        return Errno.None;
    }

    private static Errno Return(ref VdpaCall call, uint number) =>
        call.Return(new VhostVringState { Index = (uint)call.Queue, Num = number });

    /// <summary>Whether a queue's place may be set: before DRIVER_OK, or while the device is suspended.</summary>
    private static bool IsStopped(VdpaDevice device) => !device.IsRunning || device.Slot.IsSuspended;
}
