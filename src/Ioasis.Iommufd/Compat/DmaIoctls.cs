using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Iommufd.Mapping;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Iommufd.Compat;

/// <summary>Maps and unmaps as a container of type 1.</summary>
internal static class DmaIoctls
{
    /// <summary>
    /// Maps at a given IOVA. A mapping that permits devices neither reads nor writes is accepted until a device is
    /// attached.
    /// </summary>
    internal static Errno Map(CompatCall call, ref VfioIommuType1DmaMap args)
    {
        if ((args.Flags & ~(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)) != 0)
            return Errno.EINVAL.Because(
                $"flags 0x{args.Flags:x} have a bit other than VFIO_DMA_MAP_FLAG_READ and _WRITE");
        Errno errno = call.Context.Objects.TryGetCompat(out ObjectTable.Held<IommufdIoas> held);
        using ObjectTable.Held<IommufdIoas> ioas = held;
        if (errno != Errno.None) return errno;
        MapAccess access = ((args.Flags & VFIO_DMA_MAP_FLAG_READ) != 0 ? MapAccess.Read : 0)
            | ((args.Flags & VFIO_DMA_MAP_FLAG_WRITE) != 0 ? MapAccess.Write : 0);
        ulong iova = args.Iova;
        return MapIoctls.MapPointer(call.Context, ioas.Value, call.Caller, args.Vaddr, args.Size, choose: false,
            access, ref iova);
    }

    /// <summary>
    /// Unmaps a range. With TYPE1 it may begin and end within mappings; otherwise it takes whole ones. An empty range
    /// is no error. The number of unmapped bytes is written back even if the range is wrong.
    /// </summary>
    internal static Errno Unmap(CompatCall call, ref VfioIommuType1DmaUnmap args)
    {
        if ((args.Flags & ~VFIO_DMA_UNMAP_FLAG_ALL) != 0)
            return Errno.EINVAL.Because($"flags 0x{args.Flags:x} have a bit other than VFIO_DMA_UNMAP_FLAG_ALL");
        Errno errno = call.Context.Objects.TryGetCompat(out ObjectTable.Held<IommufdIoas> held);
        using ObjectTable.Held<IommufdIoas> ioas = held;
        if (errno != Errno.None) return errno;

        IoPageTable table = ioas.Value.Table;
        ulong unmapped = 0;
        if ((args.Flags & VFIO_DMA_UNMAP_FLAG_ALL) != 0)
        {
            if (args.Iova != 0 || args.Size != 0)
                return Errno.EINVAL.Because("with VFIO_DMA_UNMAP_FLAG_ALL the IOVA and the size must be 0");
            errno = table.Unmap(IovaRange.All, out unmapped);
        }
        else
        {
            errno = table.Cut(args.Iova, args.Size);
            if (errno != Errno.None) return errno;
            if (args.Size == 0) errno = Errno.EINVAL.Because("the size is 0");
            else if (!new Iova(args.Iova).TryLast(args.Size, out Iova last))
                errno = Errno.EOVERFLOW.Because($"IOVA 0x{args.Iova:x} + size 0x{args.Size:x} exceeds 64 bits");
            else errno = table.Unmap(new IovaRange(args.Iova, last.Value), out unmapped);
        }

        args.Size = unmapped;
        Errno answered = call.Respond(in args);
        return answered == Errno.None ? errno : answered;
    }
}
