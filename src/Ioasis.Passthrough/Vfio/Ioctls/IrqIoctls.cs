using System.Buffers.Binary;
using System.Numerics;
using Ioasis.Abi;
using Ioasis.Passthrough.Vfio.Interrupts;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Passthrough.Vfio.Ioctls;

/// <summary>SET_IRQS and IOEVENTFD.</summary>
internal static class IrqIoctls
{
    private const int SetHeader = 20;

    internal static SysResult SetIrqs(VfioCall call)
    {
        VfioIrqSet set = call.Read<VfioIrqSet>();
        uint available = call.Device.Interrupts.Count(set.Index);
        const uint known = VFIO_IRQ_SET_DATA_TYPE_MASK | VFIO_IRQ_SET_ACTION_TYPE_MASK;
        if (set.Index >= VFIO_PCI_NUM_IRQS || set.Count >= uint.MaxValue - set.Start || (set.Flags & ~known) != 0)
            return Errno.EINVAL;
        if (set.Start >= available || set.Start + set.Count > available) return Errno.EINVAL;
        int size = (set.Flags & VFIO_IRQ_SET_DATA_TYPE_MASK) switch
        {
            VFIO_IRQ_SET_DATA_NONE => 0,
            VFIO_IRQ_SET_DATA_BOOL => 1,
            VFIO_IRQ_SET_DATA_EVENTFD => 4,
            _ => -1,
        };
        if (size < 0 || set.Argsz - SetHeader < set.Count * (uint)size) return Errno.EINVAL;
        byte[] data = new byte[set.Count * (uint)size];
        if (!call.TryRead(SetHeader, data)) return Errno.EFAULT;
        EventRequest[] events = size == 4 ? new EventRequest[set.Count] : [];
        for (int i = 0; i < events.Length; i++)
            events[i] = EventRequest.LookUp(call.Caller, BinaryPrimitives.ReadInt32LittleEndian(data.AsSpan(i * 4)));

        var request = new IrqRequest(set.Flags, set.Start, set.Count, size == 1 ? data : [], events);
        Errno errno = call.Device.SetInterrupts(set.Index, request);
        request.Release();
        return errno;
    }

    /// <summary>A write that an eventfd stands for: whenever it is signalled, we do it.</summary>
    internal static SysResult IoEventfd(VfioCall call)
    {
        VfioDeviceIoeventfd request = call.Read<VfioDeviceIoeventfd>();
        uint width = request.Flags & VFIO_DEVICE_IOEVENTFD_SIZE_MASK;
        if ((request.Flags & ~VFIO_DEVICE_IOEVENTFD_SIZE_MASK) != 0 || BitOperations.PopCount(width) != 1
            || request.Fd < -1) return Errno.EINVAL;
        if (!VfioPciDevice.TryRegion(request.Offset, out uint index, out ulong position)) return Errno.EINVAL;
        if (call.Device.FindBar(index) is not { } bar || position + width > bar.Size || width == 8) return Errno.EINVAL;
        if (call.Device.Function.Msix is { } msix && msix.Bar == bar.Index && position + width > msix.TableOffset
            && position < msix.TableOffset + ((ulong)msix.Vectors * PciRegs.PCI_MSIX_ENTRY_SIZE)) return Errno.EINVAL;
        ulong data = request.Data & ((1UL << (int)(width * 8)) - 1);
        return call.Device.SetIoEventfd(new IoEventfds.Write(bar.Index, position, (int)width, data), call.Caller,
            request.Fd);
    }
}
