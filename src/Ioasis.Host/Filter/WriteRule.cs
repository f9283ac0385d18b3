using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Filter;

/// <summary>Which writes the filter stops: those of the sizes that a node or an attribute of the machine
/// takes.</summary>
/// <param name="Ranges">The sizes, in order and apart: from the first to the last of each.</param>
/// <param name="Vectored">Whether writes of few vectors are stopped, whatever their size.</param>
internal sealed record WriteRule(IReadOnlyList<(uint First, uint Last)> Ranges, bool Vectored)
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
        SortedSet<uint> sizes = [];
        bool vectored = false;
        foreach (VirtualPath path in paths)
        {
            if (path is VirtualDevice device) sizes.UnionWith(device.Node.MessageSizes);
            if (path is not VirtualFile { Store: not null } attribute) continue;
            if (attribute.StoreCapabilities.Any(capability => (capabilities >> capability & 1) == 0)) continue;
            vectored |= attribute.StoresVectors;
            sizes.UnionWith(attribute.StoreSizes);
        }

        sizes.Remove(0); // the kernel asks no file for nothing
        List<(uint First, uint Last)> ranges = [];
        foreach (uint size in sizes)
        {
            if (ranges.Count != 0 && ranges[^1].Last + 1 == size) ranges[^1] = (ranges[^1].First, size);
            else ranges.Add((size, size));
        }

        return new WriteRule(ranges, vectored);
    }
}
