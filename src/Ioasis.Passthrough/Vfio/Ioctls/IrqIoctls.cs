using System.Buffers.Binary;
using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Passthrough.Vfio.Interrupts;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Passthrough.Vfio.Ioctls;

/// <summary>SET_IRQS.</summary>
internal static class IrqIoctls
{
    private const int SetHeader = 20;

    internal static SysResult SetIrqs(VfioCall call)
    {
        VfioIrqSet set = call.Read<VfioIrqSet>();
        uint available = call.Device.Ops.IrqCount(set.Index);
        const uint known = VFIO_IRQ_SET_DATA_TYPE_MASK | VFIO_IRQ_SET_ACTION_TYPE_MASK;
        if (set.Index >= call.Device.Ops.Info.NumIrqs || set.Count >= uint.MaxValue - set.Start
            || (set.Flags & ~known) != 0)
            return Errno.EINVAL.Because(
                $"there is no interrupt {set.Index}, or the range or flags 0x{set.Flags:x} are invalid");
        if (set.Start >= available || set.Start + set.Count > available)
            return Errno.EINVAL.Because($"vectors {set.Start} + {set.Count} are not among the interrupt's {available}");
        int size = (set.Flags & VFIO_IRQ_SET_DATA_TYPE_MASK) switch
        {
            VFIO_IRQ_SET_DATA_NONE => 0,
            VFIO_IRQ_SET_DATA_BOOL => 1,
            VFIO_IRQ_SET_DATA_EVENTFD => 4,
            _ => -1,
        };
        if (size < 0 || set.Argsz - SetHeader < set.Count * (uint)size)
            return Errno.EINVAL.Because($"the data are of no known type, or argsz, {set.Argsz}, is too small for them");
        byte[] data = new byte[set.Count * (uint)size];
        if (!call.TryRead(SetHeader, data))
            return UserFault.Read(unchecked(call.Argument + SetHeader), (uint)data.Length);
        EventRequest[] events = size == 4 ? new EventRequest[set.Count] : [];
        for (int i = 0; i < events.Length; i++)
            events[i] = EventRequest.LookUp(call.Caller, BinaryPrimitives.ReadInt32LittleEndian(data.AsSpan(i * 4)));

        var request = new IrqRequest(set.Flags, set.Start, set.Count, size == 1 ? data : [], events);
        Errno errno = call.Device.Ops.SetIrqs(set.Index, request);
        request.Release();
        return errno;
    }
}
