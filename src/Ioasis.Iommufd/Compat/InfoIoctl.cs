using System.Runtime.CompilerServices;
using Ioasis.Abi;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Iommufd.Compat;

/// <summary>
/// VFIO_IOMMU_GET_INFO: page sizes, and capabilities after the structure if argsz has room for them. A program calls
/// twice: the first answer's argsz is the room needed.
/// </summary>
internal static class InfoIoctl
{
    internal static Errno GetInfo(CompatCall call, ref VfioIommuType1Info args)
    {
        Errno errno = call.Context.Objects.TryGetCompat(out ObjectTable.Held<IommufdIoas> held);
        using ObjectTable.Held<IommufdIoas> ioas = held;
        if (errno != Errno.None) return errno;

        uint room = args.Argsz;
        args.Flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
        args.IovaPgsizes = ioas.Value.Table.PageSizes;
        List<IovaRange> ranges = ioas.Value.Table.UsableRanges(out _);

        // Each capability begins at a multiple of 8 bytes and is written only if it fits. As on Linux, a capability's
        // link to the next is set as soon as the next one's start fits; the link to the first only if all fit.
        uint first = (uint)Unsafe.SizeOf<VfioIommuType1Info>();
        uint second = first + AlignUp((uint)Unsafe.SizeOf<VfioIommuType1InfoDmaAvail>());
        uint end = second + (uint)(
            Unsafe.SizeOf<VfioIommuType1InfoCapIovaRange>() + (ranges.Count * Unsafe.SizeOf<VfioIovaRange>()));

        if (room >= first + Unsafe.SizeOf<VfioIommuType1InfoDmaAvail>())
            errno = WriteAvail(call, first, room >= second ? second : 0);
        if (errno == Errno.None) errno = WriteRanges(call, second, room, ranges);
        if (errno != Errno.None) return errno;

        args.CapOffset = room >= end ? first : 0;
        args.Argsz = end;
        return call.Respond(in args, room);
    }

    /// <summary>The largest number that the field can hold: only memory limits mappings.</summary>
    private static Errno WriteAvail(CompatCall call, uint at, uint next)
    {
        var avail = new VfioIommuType1InfoDmaAvail
        {
            Header = Header(VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, next),
            Avail = uint.MaxValue
        };
        return call.RespondAt(at, in avail);
    }

    private static Errno WriteRanges(CompatCall call, uint at, uint room, List<IovaRange> ranges)
    {
        // As on Linux, writes each range that fits, even if not all do.
        ulong offset = at + (uint)Unsafe.SizeOf<VfioIommuType1InfoCapIovaRange>();
        foreach (IovaRange range in ranges)
        {
            ulong end = offset + (uint)Unsafe.SizeOf<VfioIovaRange>();
            if (room < end) return Errno.None;
            var answer = new VfioIovaRange { Start = range.First, End = range.Last };
            if (call.RespondAt(offset, in answer) is not Errno.None and var errno) return errno;
            offset = end;
        }

        if (room < offset) return Errno.None;
        var capability = new VfioIommuType1InfoCapIovaRange
        {
            Header = Header(VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 0),
            NrIovas = (uint)ranges.Count,
        };
        return call.RespondAt(at, in capability);
    }

    private static VfioInfoCapHeader Header(ushort id, uint next) => new() { Id = id, Version = 1, Next = next };

    private static uint AlignUp(uint length) => (length + 7) & ~7u;
}
