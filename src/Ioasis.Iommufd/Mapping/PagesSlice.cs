using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>Part of a backing that is to be mapped; whoever holds the slice holds one reference of the backing.</summary>
internal readonly record struct BackingSlice(MemoryBacking Backing, ulong Offset, ulong Length)
{
    /// <summary>The address or file offset of its first byte.</summary>
    internal ulong AlignmentHint => Backing.AlignmentHint + Offset;
}
