using Ioasis.Memory;

namespace Ioasis.Core.Domains;

/// <summary>
/// A mapping of memory that has to be asked for its bytes: a slot that is reused once no access can hold its number any
/// more.
/// </summary>
internal struct IndirectMapping
{
    internal ulong First;
    internal MemoryBacking? Backing;
    internal ulong BackingOffset;

    /// <summary>In how many parts it is to be taken out. Guarded by the table's lock.</summary>
    internal int Parts;

    /// <summary>Which byte of the backing an address means.</summary>
    internal readonly ulong OffsetAt(ulong address) => BackingOffset + (address - First);
}
