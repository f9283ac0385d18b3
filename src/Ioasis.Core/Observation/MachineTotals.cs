namespace Ioasis.Core.Observation;

/// <summary>What programs have of a machine at a moment.</summary>
/// <param name="Maps">The mappings of their I/O address spaces.</param>
/// <param name="MappedBytes">The bytes of these.</param>
/// <param name="Files">The files of nodes that they have open.</param>
public readonly record struct MachineTotals(long Maps, ulong MappedBytes, long Files);

/// <summary>An I/O address space that knows how much it maps. Any thread may ask, without a lock.</summary>
internal interface IMapTotals
{
    /// <summary>Number of mappings.</summary>
    int MapCount { get; }

    /// <summary>Sum of their lengths in bytes.</summary>
    ulong MappedBytes { get; }
}
