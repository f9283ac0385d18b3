using Ioasis.Abi;
using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Client;

/// <summary>An I/O address space: what devices attached to it find at which IOVA.</summary>
public sealed class Ioas : IommuObject
{
    internal Ioas(IommuContext context, uint id) : base(context, id)
    {
    }

    /// <summary>Maps all of a piece of memory.</summary>
    /// <param name="memory">What to map.</param>
    /// <param name="access">What devices may do.</param>
    /// <param name="at">Where; null lets the IOAS choose.</param>
    /// <returns>The IOVA of the first byte.</returns>
    /// <exception cref="IommuException">Refused: EEXIST something is mapped there, EINVAL misaligned or reserved,
    /// ENOSPC no room.</exception>
    public Iova Map(UserMemory memory, MapAccess access = MapAccess.ReadWrite, Iova? at = null)
    {
        ArgumentNullException.ThrowIfNull(memory);
        return Map(memory.Address, memory.Length, access, at);
    }

    /// <summary>Maps memory of the process by its address (IOMMU_IOAS_MAP).</summary>
    /// <param name="address">Address of the first byte.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="access">What devices may do.</param>
    /// <param name="at">Where; null lets the IOAS choose.</param>
    /// <returns>The IOVA of the first byte.</returns>
    /// <exception cref="IommuException">Refused, as above, and EFAULT no such memory.</exception>
    public Iova Map(Hva address, ulong length, MapAccess access, Iova? at)
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
        return result.IsOk
            ? new Iova(arguments.Iova)
            : throw new IommuException(
                result.Errno, $"map of 0x{length:x} bytes at HVA {address} to {Place(at)} ({access}) in IOAS {Id}");
    }

    /// <summary>Maps bytes of a file (IOMMU_IOAS_MAP_FILE).</summary>
    /// <param name="file">A file in memory.</param>
    /// <param name="start">Byte offset in the file.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="access">What devices may do.</param>
    /// <param name="at">Where; null lets the IOAS choose.</param>
    /// <returns>The IOVA of the first byte.</returns>
    /// <exception cref="IommuException">Refused, as in <see cref="Map(UserMemory, MapAccess, Iova?)"/>.</exception>
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
            : throw new IommuException(result.Errno,
                $"map of 0x{length:x} bytes "
                    + $"at 0x{start:x} of file {file.Descriptor} to {Place(at)} ({access}) in IOAS {Id}");
    }

    /// <summary>
    /// Maps here what is mapped in an IOAS of the same context, sharing its memory (IOMMU_IOAS_COPY).
    /// </summary>
    /// <param name="source">The IOAS to copy from; it may be this one.</param>
    /// <param name="from">IOVA of the first byte there.</param>
    /// <param name="length">Bytes, all of them mapped there.</param>
    /// <param name="access">What devices may do; not more than the source's memory allows.</param>
    /// <param name="at">Where; null lets the IOAS choose.</param>
    /// <returns>The IOVA of the first byte here.</returns>
    /// <exception cref="IommuException">Refused: ENOENT not all is mapped there, EPERM, and as in map.</exception>
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
            : throw new IommuException(result.Errno,
                $"copy of 0x{length:x} bytes "
                    + $"at IOVA {from} of IOAS {source.Id} to {Place(at)} ({access}) in IOAS {Id}");
    }

    /// <summary>
    /// Unmaps the mappings in a range (IOMMU_IOAS_UNMAP). When it returns, no device reaches them any more.
    /// </summary>
    /// <param name="at">First IOVA.</param>
    /// <param name="length">Bytes; no mapping may lie across an end of the range.</param>
    /// <returns>How many bytes were unmapped.</returns>
    /// <exception cref="IommuException">Refused: ENOENT nothing is there, or a mapping lies across an end.</exception>
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
            : throw new IommuException(result.Errno, $"unmap of 0x{length:x} bytes at IOVA {at} of IOAS {Id}");
    }

    /// <summary>Unmaps everything; an empty IOAS has 0 bytes to unmap.</summary>
    /// <returns>How many bytes were unmapped.</returns>
    /// <exception cref="IommuException">Refused.</exception>
    public ulong UnmapAll() => Unmap(Iova.Zero, ulong.MaxValue);

    /// <summary>
    /// The IOVAs that can be mapped now: all but what attached devices reserve (IOMMU_IOAS_IOVA_RANGES).
    /// </summary>
    /// <exception cref="IommuException">Refused.</exception>
    public IReadOnlyList<IovaRange> IovaRanges => ReadRanges().Ranges;

    /// <summary>
    /// What both ends of a mapping must be a multiple of now, in bytes; attaching a device may raise it.
    /// </summary>
    /// <exception cref="IommuException">Refused.</exception>
    public ulong IovaAlignment => ReadRanges().Alignment;

    /// <summary>
    /// Says which IOVAs must stay usable and where the IOAS may choose; replaces what was said before
    /// (IOMMU_IOAS_ALLOW_IOVAS).
    /// </summary>
    /// <param name="ranges">Ranges that do not overlap; none gives the choice of all.</param>
    /// <exception cref="IommuException">Refused: EADDRINUSE when a device reserves some of it, EINVAL when they
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
            throw new IommuException(result.Errno, $"allowing of {ranges.Length} IOVA ranges in IOAS {Id}");
    }

    /// <summary>Whether adjacent pages may become one large entry of a page table (IOMMU_OPTION_HUGE_PAGES).</summary>
    /// <exception cref="IommuException">Refused.</exception>
    public bool HugePages
    {
        get => Context.Option(IommufdH.IOMMU_OPTION_HUGE_PAGES, IommufdH.IOMMU_OPTION_OP_GET, Id, 0) != 0;
        set => Context.Option(IommufdH.IOMMU_OPTION_HUGE_PAGES, IommufdH.IOMMU_OPTION_OP_SET, Id, value ? 1u : 0);
    }

    private static int RangeSize => (int)NodeClient.SizeOf<IommuIovaRange>();

    private static uint Flags(MapAccess access, Iova? at) =>
        (access.HasFlag(MapAccess.Read) ? IommufdH.IOMMU_IOAS_MAP_READABLE : 0)
        | (access.HasFlag(MapAccess.Write) ? IommufdH.IOMMU_IOAS_MAP_WRITEABLE : 0)
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
                throw new IommuException(result.Errno, $"reading of the IOVA ranges of IOAS {Id}");
            room = arguments.NumIovas;
        }
    }
}
