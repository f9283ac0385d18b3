using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Mapping;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>Maps and unmaps.</summary>
internal static class MapIoctls
{
    private const uint MapFlags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE;

    internal static Errno Map(in IoctlCall call, ref IommuIoasMap args)
    {
        if (args.Reserved != 0)
            return Errno.EOPNOTSUPP.Because($"the reserved field is 0x{args.Reserved:x}; it must be 0");
        Errno errno = CheckFlags(args.Flags, args.Iova, args.Length, out MapAccess access);
        if (errno != Errno.None) return errno;
        PinOwner owner = PinOwner.Of(call.Caller, call.Context);
        if (call.Context.Objects.Find<IommufdIoas>(args.IoasId) is { } plain
            && plain.Table.TryMapPlain(call.Caller.Memory, args.UserVa, args.Length, in owner, IsChosen(args.Flags),
                access, ref args.Iova))
            return RespondOrUnmap(call, in args, plain, args.Iova, args.Length);
        errno = call.Context.Objects.TryGet(args.IoasId, out ObjectTable.Held<IommufdIoas> held);
        using ObjectTable.Held<IommufdIoas> ioas = held;
        if (errno != Errno.None) return errno;

        errno = MapPages(call.Context, ioas.Value, call.Caller, in owner, args.UserVa, args.Length,
            IsChosen(args.Flags), access, ref args.Iova);
        return errno == Errno.None ? RespondOrUnmap(call, in args, ioas.Value, args.Iova, args.Length) : errno;
    }

    /// <summary>
    /// Maps memory of the caller at <paramref name="iova"/>, or where it fits if <paramref name="choose"/> is set
    /// (Linux: iopt_map_user_pages).
    /// </summary>
    internal static Errno MapPointer(
        IommufdContext context, IommufdIoas ioas, ICaller caller, ulong address, ulong length, bool choose,
        MapAccess access, ref ulong iova)
    {
        PinOwner owner = PinOwner.Of(caller, context);
        return ioas.Table.TryMapPlain(caller.Memory, address, length, in owner, choose, access, ref iova)
            ? Errno.None
            : MapPages(context, ioas, caller, in owner, address, length, choose, access, ref iova);
    }

    // For memory that is not plain, and for errors.
    private static Errno MapPages(
        IommufdContext context, IommufdIoas ioas, ICaller caller, in PinOwner owner, ulong address, ulong length,
        bool choose, MapAccess access, ref ulong iova)
    {
        if (unchecked(address + length) < address)
            return Errno.EOVERFLOW.Because($"address 0x{address:x} + length 0x{length:x} exceeds 64 bits");
        if (length == 0 || length > ulong.MaxValue - IoPageTable.HostPageSize)
            return Errno.EINVAL.Because(
                $"the length is 0x{length:x}; it must not be 0, nor end in the last page of 64 bits");
        bool writable = (access & MapAccess.Write) != 0;
        MemoryBacking backing = context.IsVfioContainer
            ? caller.Memory.ReferenceDevices(new Hva(address), length, writable)
            : caller.Memory.Reference(new Hva(address), length, writable);
        return MapOne(ioas, new Pages(backing, owner), choose, access, ref iova);
    }

    internal static Errno MapFile(in IoctlCall call, ref IommuIoasMapFile args)
    {
        Errno errno = CheckFlags(args.Flags, args.Iova, args.Length, out MapAccess access);
        if (errno != Errno.None) return errno;
        errno = call.Context.Objects.TryGet(args.IoasId, out ObjectTable.Held<IommufdIoas> held);
        using ObjectTable.Held<IommufdIoas> ioas = held;
        if (errno != Errno.None) return errno;

        if (args.Length == 0) return Errno.EINVAL.Because("the length is 0");
        if (unchecked(args.Start + args.Length - 1) < args.Start)
            return Errno.EOVERFLOW.Because($"offset 0x{args.Start:x} + length 0x{args.Length:x} exceeds 64 bits");
        errno = call.Caller.GetFile(args.Fd, out IOpenFile? file);
        if (errno != Errno.None) return errno;
        try
        {
            PinOwner owner = PinOwner.Of(call.Caller, call.Context);
            if (file is not IMemoryFile memory
                || !ioas.Value.Table.TryMapPlain(memory, args.Start, args.Length, in owner, IsChosen(args.Flags),
                    access, ref args.Iova))
            {
                errno = Reference(file!, in args, in owner, access, out Pages? pages);
                if (errno == Errno.None)
                    errno = MapOne(ioas.Value, pages!, IsChosen(args.Flags), access, ref args.Iova);
            }
        }
        finally
        {
            (file as IDisposable)?.Dispose();
        }

        return errno == Errno.None ? RespondOrUnmap(call, in args, ioas.Value, args.Iova, args.Length) : errno;
    }

    internal static Errno Copy(in IoctlCall call, ref IommuIoasCopy args)
    {
        if ((args.Flags & ~MapFlags) != 0)
            return Errno.EOPNOTSUPP.Because($"flags 0x{args.Flags:x} have an unknown bit");
        if (args.Length == ulong.MaxValue || args.SrcIova == ulong.MaxValue || args.DstIova == ulong.MaxValue)
            return Errno.EOVERFLOW.Because($"an IOVA or the length is 0x{ulong.MaxValue:x}, which is too large");
        MapAccess access = AccessOf(args.Flags);
        if (access == MapAccess.None)
            return Errno.EINVAL.Because("neither IOMMU_IOAS_MAP_READABLE nor IOMMU_IOAS_MAP_WRITEABLE is set");

        Errno errno = call.Context.Objects.TryGet(args.SrcIoasId, out ObjectTable.Held<IommufdIoas> source);
        if (errno != Errno.None) return errno;
        List<PagesSlice> slices;
        using (source) errno = source.Value.Table.GetSlices(args.SrcIova, args.Length, out slices);
        if (errno != Errno.None) return errno;

        errno = call.Context.Objects.TryGet(args.DstIoasId, out ObjectTable.Held<IommufdIoas> held);
        using ObjectTable.Held<IommufdIoas> ioas = held;
        if (errno == Errno.None)
            errno = ioas.Value.Table.Map(CollectionsMarshal.AsSpan(slices), args.Length, IsChosen(args.Flags), access,
                ref args.DstIova);
        if (errno != Errno.None)
        {
            foreach (PagesSlice slice in slices) slice.Pages.Release();
            return errno;
        }

        return RespondOrUnmap(call, in args, ioas.Value, args.DstIova, args.Length);
    }

    internal static Errno Unmap(in IoctlCall call, ref IommuIoasUnmap args)
    {
        if (call.Context.Objects.Find<IommufdIoas>(args.IoasId) is { } plain
            && plain.Table.TryUnmapPlain(args.Iova, args.Length)) return call.Respond(in args);
        Errno errno = call.Context.Objects.TryGet(args.IoasId, out ObjectTable.Held<IommufdIoas> held);
        using ObjectTable.Held<IommufdIoas> ioas = held;
        if (errno != Errno.None) return errno;

        bool all = args.Iova == 0 && args.Length == ulong.MaxValue;
        IovaRange range = IovaRange.All;
        if (!all)
        {
            if (args.Iova == ulong.MaxValue || args.Length == ulong.MaxValue)
                return Errno.EOVERFLOW.Because(
                    $"the IOVA or the length is 0x{ulong.MaxValue:x}; that length goes with IOVA 0, for everything");
            if (args.Length == 0) return Errno.EINVAL.Because("the length is 0");
            if (!new Iova(args.Iova).TryLast(args.Length, out Iova last))
                return Errno.EOVERFLOW.Because($"IOVA 0x{args.Iova:x} + length 0x{args.Length:x} exceeds 64 bits");
            range = new IovaRange(args.Iova, last.Value);
        }

        errno = ioas.Value.Table.Unmap(range, out ulong unmapped);
        if (errno != Errno.None) return errno;
        // Unmapping everything of an empty IOAS is no error.
        if (unmapped == 0 && !all)
            return Errno.ENOENT.Because($"nothing is mapped in 0x{range.First:x}-0x{range.Last:x}");
        args.Length = unmapped;
        return call.Respond(in args);
    }

    private static bool IsChosen(uint flags) => (flags & IOMMU_IOAS_MAP_FIXED_IOVA) == 0;

    private static MapAccess AccessOf(uint flags) =>
        ((flags & IOMMU_IOAS_MAP_READABLE) != 0 ? MapAccess.Read : 0)
        | ((flags & IOMMU_IOAS_MAP_WRITEABLE) != 0 ? MapAccess.Write : 0);

    private static Errno CheckFlags(uint flags, ulong iova, ulong length, out MapAccess access)
    {
        access = AccessOf(flags);
        if ((flags & ~MapFlags) != 0) return Errno.EOPNOTSUPP.Because($"flags 0x{flags:x} have an unknown bit");
        if (iova == ulong.MaxValue || length == ulong.MaxValue)
            return Errno.EOVERFLOW.Because($"the IOVA or the length is 0x{ulong.MaxValue:x}, which is too large");
        return access == MapAccess.None
            ? Errno.EINVAL.Because("neither IOMMU_IOAS_MAP_READABLE nor IOMMU_IOAS_MAP_WRITEABLE is set")
            : Errno.None;
    }

    /// <summary>
    /// Names bytes of a file for DMA. A dma-buf is attached at once; other files are checked when a device is attached.
    /// </summary>
    private static Errno Reference(
        IOpenFile file, in IommuIoasMapFile args, in PinOwner owner, MapAccess access, out Pages? pages)
    {
        pages = null;
        bool writable = (access & MapAccess.Write) != 0;
        if (file is IDmaBuf buffer)
            return DmaBufPages.TryCreate(buffer, args.Start, args.Length, writable, owner, out pages);
        if (args.Length > ulong.MaxValue - IoPageTable.HostPageSize)
            return Errno.EINVAL.Because(
                $"the length is 0x{args.Length:x}; it must not end in the last page of 64 bits");
        MemoryBacking? backing = null;
        Errno errno = file is IMemoryFile memory
            ? memory.Reference(args.Start, args.Length, writable, out backing)
            : Errno.None;
        if (errno != Errno.None) return errno;
        pages = new Pages(backing ?? new UnmappableFile(args.Start, args.Length, writable), owner);
        return Errno.None;
    }

    private static Errno MapOne(IommufdIoas ioas, Pages pages, bool choose, MapAccess access, ref ulong iova)
    {
        Errno errno = ioas.Table.Map([new PagesSlice(pages, 0, pages.Backing.Length)], pages.Backing.Length, choose,
            access, ref iova);
        if (errno != Errno.None) pages.Release();
        return errno;
    }

    /// <summary>Writes the IOVA back; unmaps again if that fails.</summary>
    private static Errno RespondOrUnmap<T>(in IoctlCall call, in T args, IommufdIoas ioas, ulong iova,
        ulong length) where T : unmanaged
    {
        Errno errno = call.Respond(in args);
        if (errno != Errno.None) ioas.Table.Unmap(new IovaRange(iova, iova + length - 1), out _);
        return errno;
    }
}
