using Ioasis.Memory;

namespace Ioasis.Core.Domains;

/// <summary>
/// Who made the mappings of a table, and so knows of them what translating does not need: for showing.
/// </summary>
internal interface IMappingSource
{
    /// <summary>The I/O address space whose mappings they are, for observers.</summary>
    object Space => this;

    /// <summary>The mapping at an address.</summary>
    /// <param name="address">The address.</param>
    /// <param name="range">Where the mapping is.</param>
    /// <param name="location">What memory is at the address; null when none is.</param>
    /// <returns>False when there is no mapping.</returns>
    bool TryShow(ulong address, out IovaRange range, out MemoryLocation? location);
}
