using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Filter;

/// <summary>Which writes the filter stops: those of the sizes that a node or an attribute of the machine
/// takes.</summary>
/// <param name="Ranges">The sizes, in order and apart: from the first to the last of each.</param>
/// <param name="Vectored">Whether writes of few vectors are stopped, whatever their size.</param>
internal sealed record WriteRule(IReadOnlyList<SizeRange> Ranges, bool Vectored)
{
    /// <summary>No write is stopped.</summary>
    public static WriteRule None { get; } = new([], Vectored: false);

    /// <summary>What the paths of a machine need.</summary>
    /// <param name="paths">The paths.</param>
    /// <param name="capabilities">
    /// Our own capabilities, one bit each. Our programs have no other ones, so an attribute that needs more is never
    /// open for writing.
    /// </param>
    public static WriteRule Of(IEnumerable<VirtualPath> paths, ulong capabilities = ulong.MaxValue)
    {
        List<int> sizes = [];
        bool vectored = false;
        foreach (VirtualPath path in paths)
        {
            if (path is VirtualDevice device) Add(sizes, device.Node.MessageSizes);
            if (path is not VirtualFile { Store: not null } attribute) continue;
            if (attribute.StoreCapabilities.Any(capability => (capabilities >> capability & 1) == 0)) continue;
            vectored |= attribute.StoresVectors;
            Add(sizes, attribute.StoreSizes);
        }

        sizes.Sort();
        List<SizeRange> ranges = [];
        foreach (int size in sizes)
        {
            uint one = (uint)size;
            if (ranges.Count == 0 || ranges[^1].Last + 1 < one) ranges.Add(new SizeRange(one, one));
            else ranges[^1] = new SizeRange(ranges[^1].First, one);
        }

        return new WriteRule(ranges, vectored);
    }

    // The kernel asks no file for nothing, or for 2 GiB and more.
    private static void Add(List<int> all, IReadOnlyList<uint> sizes)
    {
        for (int i = 0; i < sizes.Count; i++)
            if (sizes[i] is not 0 and <= int.MaxValue) all.Add((int)sizes[i]);
    }
}

/// <summary>Sizes from the first to the last.</summary>
internal sealed record SizeRange(uint First, uint Last);
