using System.Runtime.CompilerServices;
using Ioasis.Memory;

namespace Ioasis.Core.Domains;

/// <summary>One mapping of a table: a slot that is reused once no access can hold it any more.</summary>
internal struct Mapping
{
    internal ulong First;
    internal ulong Last;

    /// <summary>Where the mapping's first byte stands in our own process, 0 when it does not stand there.</summary>
    internal nint Direct;

    internal MemoryBacking? Backing;
    internal ulong BackingOffset;
    internal MapAccess Access;

    /// <summary>False as soon as the mapping is being taken out; a look-up that comes later must not use it.</summary>
    internal bool Live;

    /// <summary>Whether any port may have used it, and so may hold it in its IOTLB or be copying through it.</summary>
    internal bool Used;

    /// <summary>Tells whoever takes the mapping out that ports must be waited for. Before it is looked whether the mapping lives.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void MarkUsed()
    {
        if (Volatile.Read(ref Used)) return;
        Volatile.Write(ref Used, true);
        Interlocked.MemoryBarrier(); // pairs with MappingTable.Unmap
    }
}
