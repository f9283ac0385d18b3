using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Files;

/// <summary>
/// A dma-buf: memory of a device that its driver lets other devices reach, as an open file (Linux: struct dma_buf).
/// IOMMU_IOAS_MAP_FILE maps it. The driver that made it implements this.
/// </summary>
public interface IDmaBuf : IOpenFile
{
    /// <summary>How large it is, in bytes.</summary>
    ulong Length { get; }

    /// <summary>
    /// Lets an importer use the memory (Linux: dma_buf_dynamic_attach, dma_buf_pin and the exporter's mapping of it).
    /// From here on the importer is told of every revocation, also before this returns.
    /// </summary>
    /// <param name="importer">Who is to be told.</param>
    /// <param name="attachment">The memory, when the answer is <see cref="Errno.None"/>. Disposing it ends the
    /// attachment.</param>
    /// <returns><see cref="Errno.ENODEV"/> while the memory is revoked; <see cref="Errno.EOPNOTSUPP"/> where it cannot
    /// be mapped for DMA.</returns>
    Errno Attach(IDmaBufImporter importer, out IDmaBufAttachment? attachment);
}

/// <summary>Who uses a dma-buf that is another's.</summary>
public interface IDmaBufImporter
{
    /// <summary>
    /// The memory is to be used no longer (Linux: invalidate_mappings, formerly move_notify). When this returns no
    /// device reaches it through the attachment any more, not with an access in flight either, and none ever will:
    /// memory that comes back is attached anew. The exporter may hold a lock of its own (Linux: the reservation lock),
    /// which <see cref="IDmaBuf.Attach"/> and the end of an attachment take too. It must not be a lock that
    /// <see cref="IDmaBufAttachment.TryRead"/>, <see cref="IDmaBufAttachment.TryWrite"/> or
    /// <see cref="IDmaBufAttachment.Locate"/> takes: this waits for accesses that are within these.
    /// </summary>
    void InvalidateMappings();
}

/// <summary>
/// An importer's hold of a dma-buf. The memory stays for as long as this is not disposed, revoked or not.
/// </summary>
/// <remarks>
/// Accesses of devices call <see cref="TryRead"/> and <see cref="TryWrite"/>, on any thread and several at once, and
/// <see cref="IDmaBufImporter.InvalidateMappings"/> waits for them. So they take no lock that the exporter holds while
/// it calls that, and end in a bounded time; what was revoked need not be looked for, as nobody calls them any more
/// when that has returned.
/// </remarks>
public interface IDmaBufAttachment : IDisposable
{
    /// <summary>
    /// Where the memory's first byte stands in our own process, to be read and written there directly; 0 when every
    /// access has to go through <see cref="TryRead"/> and <see cref="TryWrite"/>.
    /// </summary>
    nint Address { get; }

    /// <summary>Copies bytes out; false when they cannot be read. Within the dma-buf's length.</summary>
    bool TryRead(ulong offset, Span<byte> destination);

    /// <summary>Copies bytes in; false when they cannot be written. Within the dma-buf's length.</summary>
    bool TryWrite(ulong offset, ReadOnlySpan<byte> source);

    /// <summary>Which memory a byte is of.</summary>
    MemoryLocation Locate(ulong offset);
}
