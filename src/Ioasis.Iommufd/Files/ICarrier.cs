using Ioasis.Memory;

namespace Ioasis.Iommufd.Files;

/// <summary>
/// The memory behind an open node: its bytes are what the program sees when it maps the file. Under <c>run</c> it is
/// the memfd that the program got; in process, plain memory.
/// </summary>
public interface ICarrier
{
    /// <summary>
    /// The file's bytes from <paramref name="offset"/> on, zero at first, shared with every mapping of the file. Asked
    /// again for the same bytes it gives the same object. They live until the file is closed.
    /// </summary>
    /// <param name="offset">Byte offset, page-aligned, below 2^63.</param>
    /// <param name="length">Bytes, page-aligned.</param>
    SharedBytes Map(ulong offset, ulong length);

    /// <summary>
    /// Gives bytes back that were mapped; mapped again, they are zero and another object. Nothing of ours may use them
    /// any more.
    /// </summary>
    /// <param name="offset">As it was mapped.</param>
    /// <param name="length">As it was mapped.</param>
    void Free(ulong offset, ulong length);

    /// <summary>Whether a program has any of these bytes mapped. Slow: it may look through all processes.</summary>
    bool IsMapped(ulong offset, ulong length);
}
