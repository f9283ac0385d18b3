using Ioasis.Iommufd.Objects;

namespace Ioasis.Diagnostics.State;

/// <summary>What all contexts of a machine have in sum. Read without walking any mapping.</summary>
/// <param name="Maps">The mappings of all IOAS.</param>
/// <param name="MappedBytes">Their bytes.</param>
/// <param name="ObjectChanges">How often an object of a living context came or went.</param>
internal readonly record struct ContextTotals(long Maps, long MappedBytes, long ObjectChanges)
{
    /// <summary>Reads them.</summary>
    /// <param name="nodes">The contexts that live.</param>
    internal static ContextTotals Of(OpenNodes nodes)
    {
        long maps = 0, changes = 0;
        ulong bytes = 0;
        foreach ((IommufdContext context, _, _) in nodes.Contexts)
        {
            changes += context.Objects.Changes;
            foreach (IommufdIoas ioas in context.Objects.All<IommufdIoas>())
            {
                maps += ioas.Table.MapCount;
                bytes += ioas.Table.MappedBytes;
            }
        }

        return new ContextTotals(maps, (long)Math.Min(bytes, long.MaxValue), changes);
    }
}
