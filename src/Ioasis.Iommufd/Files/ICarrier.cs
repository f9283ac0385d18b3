using Ioasis.Memory;

namespace Ioasis.Iommufd.Files;

/// <summary>
/// The memory behind an open node: a program that maps the file sees these bytes. Under <c>run</c> it is the memfd that
/// the program has; in process, plain memory.
/// </summary>
public interface ICarrier
{
    /// <summary>
    /// The file's bytes from <paramref name="offset"/> on, initially zero, shared with every mapping of the file. The
    /// same bytes give the same object again. They live until the file is closed.
    /// </summary>
    /// <param name="offset">Byte offset, page-aligned, below 2^63.</param>
    /// <param name="length">Bytes, page-aligned.</param>
    SharedBytes Map(ulong offset, ulong length);

    /// <summary>
    /// Frees mapped bytes. If mapped again, they are zero and a new object. Nothing of ours may use them any more.
    /// </summary>
    /// <param name="offset">The offset of the mapping.</param>
    /// <param name="length">The length of the mapping.</param>
    void Free(ulong offset, ulong length);

    /// <summary>Whether a program has any of these bytes mapped. Slow: may search all processes.</summary>
    bool IsMapped(ulong offset, ulong length);
}
