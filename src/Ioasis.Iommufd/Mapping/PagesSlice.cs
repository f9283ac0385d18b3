namespace Ioasis.Iommufd.Mapping;

/// <summary>Part of a run of pages that is to be mapped. Its holder has one reference to the pages.</summary>
internal readonly record struct PagesSlice(Pages Pages, ulong Offset, ulong Length)
{
    /// <summary>The address or file offset of its first byte.</summary>
    internal ulong AlignmentHint => Pages.Backing.AlignmentHint + Offset;
}
