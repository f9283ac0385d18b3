namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// Part of a run of pages that is to be mapped; whoever holds the slice holds one reference of the pages.
/// </summary>
internal readonly record struct PagesSlice(Pages Pages, ulong Offset, ulong Length)
{
    /// <summary>The address or file offset of its first byte.</summary>
    internal ulong AlignmentHint => Pages.Backing.AlignmentHint + Offset;
}
