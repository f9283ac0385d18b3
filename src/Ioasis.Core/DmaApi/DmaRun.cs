using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <summary>Whole pages of I/O addresses, and the memory that they lead to.</summary>
/// <param name="Range">The addresses, whole pages.</param>
/// <param name="Page">The address in our own process of the first page's first byte.</param>
/// <param name="Access">What devices may do.</param>
/// <param name="Buffer">Which bytes of the range are the buffer; the others belong to somebody else, unless
/// <paramref name="OwnsPages"/>.</param>
/// <param name="OwnsPages">Whether all of the pages are one native memory, which the buffer is a part of.</param>
public readonly record struct DmaRun(
    IovaRange Range, nint Page, MapAccess Access, IovaRange Buffer, bool OwnsPages);
