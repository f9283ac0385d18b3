using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Client;

/// <summary>An I/O address space: maps IOVAs to memory for the devices that are attached to it.</summary>
public sealed class Ioas : IommuObject
{
    internal Ioas(IommuContext context, uint id) : base(context, id)
    {
    }

    /// <summary>Maps all of a piece of memory.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="access">The access that devices get.</param>
    /// <param name="at">The IOVA; null lets the IOAS choose.</param>
    /// <returns>The IOVA of the first byte.</returns>
    /// <exception cref="IommuException">EEXIST if something is mapped there, EINVAL if misaligned or reserved, ENOSPC
    /// if there is no room.</exception>
    public Iova Map(UserMemory memory, MapAccess access = MapAccess.ReadWrite, Iova? at = null)
    {
        ArgumentNullException.ThrowIfNull(memory);
        return Map(memory.Address, memory.Length, access, at);
    }

    /// <summary>Maps memory of the process by its address (IOMMU_IOAS_MAP).</summary>
    /// <param name="address">Address of the first byte.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="access">The access that devices get.</param>
    /// <param name="at">The IOVA; null lets the IOAS choose.</param>
    /// <returns>The IOVA of the first byte.</returns>
    /// <exception cref="IommuException">As in <see cref="Map(UserMemory, MapAccess, Iova?)"/>, and EFAULT if there is
    /// no such memory.</exception>
    public Iova Map(Hva address, ulong length, MapAccess access, Iova? at)
    {
        Errno errno = TryMap(address, length, access, at, out Iova iova);
        return errno == Errno.None
            ? iova
            : throw new IommuException(
                (SysResult)errno, $"map of 0x{length:x} bytes at HVA {address} to {Place(at)} ({access}) in IOAS {Id}");
    }

    /// <summary>As <see cref="Map(Hva, ulong, MapAccess, Iova?)"/>, for callers that expect refusals.</summary>
    internal Errno TryMap(Hva address, ulong length, MapAccess access, Iova? at, out Iova iova)
    {
        var arguments = new IommuIoasMap
        {
            Size = NodeClient.SizeOf<IommuIoasMap>(),
            Flags = Flags(access, at),
            IoasId = Id,
            UserVa = address.Value,
            Length = length,
            Iova = at?.Value ?? 0,
        };
        SysResult result = Context.TryIoctl(IommufdH.IOMMU_IOAS_MAP, ref arguments);
        iova = new Iova(arguments.Iova);
        return result.Errno;
    }

    /// <summary>Maps all of a piece of memory until the mapping is disposed.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="access">The access that devices get.</param>
    /// <param name="at">The IOVA; null lets the IOAS choose.</param>
    /// <exception cref="IommuException">As in <see cref="Map(UserMemory, MapAccess, Iova?)"/>.</exception>
    public IoasMapping CreateMapping(
        UserMemory memory, MapAccess access = MapAccess.ReadWrite, Iova? at = null)
    {
        ArgumentNullException.ThrowIfNull(memory);
        return new IoasMapping(this, Map(memory, access, at), memory.Length);
    }

    /// <summary>Maps all bytes of a file until the mapping is disposed.</summary>
    /// <param name="file">A file in memory.</param>
    /// <param name="access">The access that devices get.</param>
    /// <param name="at">The IOVA; null lets the IOAS choose.</param>
    /// <exception cref="IommuException">As in <see cref="Map(UserMemory, MapAccess, Iova?)"/>.</exception>
    public IoasMapping CreateMapping(UserFile file, MapAccess access = MapAccess.ReadWrite, Iova? at = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        return new IoasMapping(this, MapFile(file, 0, file.Memory.Length, access, at), file.Memory.Length);
    }

    /// <summary>Maps bytes of a file (IOMMU_IOAS_MAP_FILE).</summary>
    /// <param name="file">A file in memory.</param>
    /// <param name="start">Byte offset in the file.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="access">The access that devices get.</param>
    /// <param name="at">The IOVA; null lets the IOAS choose.</param>
    /// <returns>The IOVA of the first byte.</returns>
    /// <exception cref="IommuException">As in <see cref="Map(UserMemory, MapAccess, Iova?)"/>.</exception>
    public Iova MapFile(UserFile file, ulong start, ulong length, MapAccess access = MapAccess.ReadWrite,
        Iova? at = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        var arguments = new IommuIoasMapFile
        {
            Size = NodeClient.SizeOf<IommuIoasMapFile>(),
            Flags = Flags(access, at),
            IoasId = Id,
            Fd = file.Descriptor,
            Start = start,
            Length = length,
            Iova = at?.Value ?? 0,
        };
        SysResult result = Context.TryIoctl(IommufdH.IOMMU_IOAS_MAP_FILE, ref arguments);
        return result.IsOk
            ? new Iova(arguments.Iova)
            : throw new IommuException(result,
                $"map of 0x{length:x} bytes at 0x{start:x} of file {file.Descriptor} to {Place(at)} ({access}) in IOAS "
                    + $"{Id}");
    }

    /// <summary>Maps here the memory that an IOAS of the same context maps, and shares it (IOMMU_IOAS_COPY).</summary>
    /// <param name="source">The IOAS to copy from, which may be this one.</param>
    /// <param name="from">IOVA of the first byte in the source.</param>
    /// <param name="length">Bytes, all of them mapped in the source.</param>
    /// <param name="access">The access that devices get, at most what the source's memory allows.</param>
    /// <param name="at">The IOVA here; null lets the IOAS choose.</param>
    /// <returns>The IOVA of the first byte here.</returns>
    /// <exception cref="IommuException">ENOENT if part of the range is unmapped in the source, EPERM if the memory does
    /// not allow the access, and as in <see cref="Map(UserMemory, MapAccess, Iova?)"/>.</exception>
    public Iova Copy(Ioas source, Iova from, ulong length, MapAccess access = MapAccess.ReadWrite, Iova? at = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        var arguments = new IommuIoasCopy
        {
            Size = NodeClient.SizeOf<IommuIoasCopy>(),
            Flags = Flags(access, at),
            DstIoasId = Id,
            SrcIoasId = source.Id,
            Length = length,
            DstIova = at?.Value ?? 0,
            SrcIova = from.Value,
        };
        SysResult result = Context.TryIoctl(IommufdH.IOMMU_IOAS_COPY, ref arguments);
        return result.IsOk
            ? new Iova(arguments.DstIova)
            : throw new IommuException(result,
                $"copy of 0x{length:x} bytes at IOVA {from} of IOAS {source.Id} to {Place(at)} ({access}) in IOAS "
                    + $"{Id}");
    }

    /// <summary>Unmaps the mappings in a range (IOMMU_IOAS_UNMAP). After it returns no device reaches them.</summary>
    /// <param name="at">First IOVA.</param>
    /// <param name="length">Bytes. No mapping may cross an end of the range.</param>
    /// <returns>Bytes unmapped.</returns>
    /// <exception cref="IommuException">ENOENT if the range is empty or a mapping crosses an end.</exception>
    public ulong Unmap(Iova at, ulong length)
    {
        var arguments = new IommuIoasUnmap
        {
            Size = NodeClient.SizeOf<IommuIoasUnmap>(),
            IoasId = Id,
            Iova = at.Value,
            Length = length
        };
        SysResult result = Context.TryIoctl(IommufdH.IOMMU_IOAS_UNMAP, ref arguments);
        return result.IsOk
            ? arguments.Length
            : throw new IommuException(result, $"unmap of 0x{length:x} bytes at IOVA {at} of IOAS {Id}");
    }

    /// <summary>As <see cref="Unmap"/>, for callers that expect refusals.</summary>
    internal Errno TryUnmap(Iova at, ulong length, out ulong unmapped)
    {
        var arguments = new IommuIoasUnmap
        {
            Size = NodeClient.SizeOf<IommuIoasUnmap>(),
            IoasId = Id,
            Iova = at.Value,
            Length = length
        };
        SysResult result = Context.TryIoctl(IommufdH.IOMMU_IOAS_UNMAP, ref arguments);
        unmapped = result.IsOk ? arguments.Length : 0;
        return result.Errno;
    }

    /// <summary>Unmaps everything. Succeeds with 0 on an empty IOAS.</summary>
    /// <returns>Bytes unmapped.</returns>
    /// <exception cref="IommuException">Refused.</exception>
    public ulong UnmapAll() => Unmap(Iova.Zero, ulong.MaxValue);

    /// <summary>
    /// Reads the IOVAs that can be mapped now: all but those that attached devices reserve
    /// (IOMMU_IOAS_IOVA_RANGES).
    /// </summary>
    /// <exception cref="IommuException">Refused.</exception>
    public IReadOnlyList<IovaRange> GetIovaRanges() => ReadRanges().Ranges;

    /// <summary>
    /// Reads the current alignment of both ends of a mapping, in bytes. Attaching a device may raise it.
    /// </summary>
    /// <exception cref="IommuException">Refused.</exception>
    public ulong GetIovaAlignment() => ReadRanges().Alignment;

    /// <summary>
    /// Sets the IOVAs that must stay usable, from which the IOAS chooses. Replaces the earlier set
    /// (IOMMU_IOAS_ALLOW_IOVAS).
    /// </summary>
    /// <param name="ranges">Ranges that do not overlap; none allows all IOVAs.</param>
    /// <exception cref="IommuException">EADDRINUSE if a device reserves part of a range, EINVAL if ranges
    /// overlap.</exception>
    public void AllowIovas(params ReadOnlySpan<IovaRange> ranges)
    {
        UserMemory array = Context.Nodes.Rent(ranges.Length * RangeSize);
        for (int i = 0; i < ranges.Length; i++)
            array.Write((ulong)(i * RangeSize), new IommuIovaRange { Start = ranges[i].First, Last = ranges[i].Last });
        var arguments = new IommuIoasAllowIovas
        {
            Size = NodeClient.SizeOf<IommuIoasAllowIovas>(),
            IoasId = Id,
            NumIovas = (uint)ranges.Length,
            AllowedIovas = array.Address.Value,
        };
        SysResult result = Context.TryIoctl(IommufdH.IOMMU_IOAS_ALLOW_IOVAS, ref arguments);
        Context.Nodes.Return(array);
        if (!result.IsOk)
            throw new IommuException(result, $"allowing of {ranges.Length} IOVA ranges in IOAS {Id}");
    }

    /// <summary>
    /// Reads whether adjacent pages may become one large page-table entry (IOMMU_OPTION_HUGE_PAGES).
    /// </summary>
    /// <exception cref="IommuException">Refused.</exception>
    public bool GetHugePages() =>
        Context.Option(IommufdH.IOMMU_OPTION_HUGE_PAGES, IommufdH.IOMMU_OPTION_OP_GET, Id, 0) != 0;

    /// <summary>Permits or forbids large page-table entries for what is mapped from now on.</summary>
    /// <exception cref="IommuException">EADDRINUSE if a mapping is in the way; refused.</exception>
    public void SetHugePages(bool on) =>
        Context.Option(IommufdH.IOMMU_OPTION_HUGE_PAGES, IommufdH.IOMMU_OPTION_OP_SET, Id, on ? 1u : 0);

    private static int RangeSize => (int)NodeClient.SizeOf<IommuIovaRange>();

    // HasFlag allocates in code that is not optimized yet.
    private static uint Flags(MapAccess access, Iova? at) =>
        ((access & MapAccess.Read) != 0 ? IommufdH.IOMMU_IOAS_MAP_READABLE : 0)
        | ((access & MapAccess.Write) != 0 ? IommufdH.IOMMU_IOAS_MAP_WRITEABLE : 0)
        | (at is null ? 0 : IommufdH.IOMMU_IOAS_MAP_FIXED_IOVA);

    private static string Place(Iova? at) => at is { } iova ? $"IOVA {iova}" : "an IOVA of its choice";

    private (IovaRange[] Ranges, ulong Alignment) ReadRanges()
    {
        for (uint room = 16; ;)
        {
            UserMemory array = Context.Nodes.Rent((int)room * RangeSize);
            var arguments = new IommuIoasIovaRanges
            {
                Size = NodeClient.SizeOf<IommuIoasIovaRanges>(),
                IoasId = Id,
                NumIovas = room,
                AllowedIovas = array.Address.Value,
            };
            SysResult result = Context.TryIoctl(IommufdH.IOMMU_IOAS_IOVA_RANGES, ref arguments);
            var ranges = new IovaRange[result.IsOk ? arguments.NumIovas : 0];
            for (int i = 0; i < ranges.Length; i++)
            {
                IommuIovaRange range = array.Read<IommuIovaRange>((ulong)(i * RangeSize));
                ranges[i] = new IovaRange(range.Start, range.Last);
            }

            Context.Nodes.Return(array);
            if (result.IsOk) return (ranges, arguments.OutIovaAlignment);
            if (result.Errno != Errno.EMSGSIZE || arguments.NumIovas <= room)
                throw new IommuException(result, $"reading of the IOVA ranges of IOAS {Id}");
            room = arguments.NumIovas;
        }
    }
}
