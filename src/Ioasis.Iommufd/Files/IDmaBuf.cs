using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Files;

/// <summary>
/// A dma-buf: device memory that other devices may access, as an open file (Linux: struct dma_buf). IOMMU_IOAS_MAP_FILE
/// maps it. The driver that exports it implements this interface.
/// </summary>
public interface IDmaBuf : IOpenFile
{
    /// <summary>Size in bytes.</summary>
    ulong Length { get; }

    /// <summary>
    /// Attaches an importer to the memory (Linux: dma_buf_dynamic_attach, dma_buf_pin and the exporter's mapping). From
    /// here on, even before this returns, the importer is told of every revocation.
    /// </summary>
    /// <param name="importer">The importer.</param>
    /// <param name="attachment">The memory, if the result is <see cref="Errno.None"/>. Disposing it ends the
    /// attachment.</param>
    /// <returns>
    /// <see cref="Errno.ENODEV"/> while the memory is revoked; <see cref="Errno.EOPNOTSUPP"/> if it cannot be mapped
    /// for DMA.
    /// </returns>
    Errno Attach(IDmaBufImporter importer, out IDmaBufAttachment? attachment);
}

/// <summary>An importer of a dma-buf that another driver exports.</summary>
public interface IDmaBufImporter
{
    /// <summary>
    /// Revokes the memory (Linux: invalidate_mappings, formerly move_notify). After this returns no device reaches it
    /// through the attachment, not even with an access in flight, and none ever will: memory that comes back needs a
    /// new attachment. The exporter may hold a lock of its own (Linux: the reservation lock), which
    /// <see cref="IDmaBuf.Attach"/> and the end of an attachment take too. But <see cref="IDmaBufAttachment.TryRead"/>,
    /// <see cref="IDmaBufAttachment.TryWrite"/> and <see cref="IDmaBufAttachment.Locate"/> must not take that lock,
    /// because this call waits for accesses within them.
    /// </summary>
    void InvalidateMappings();
}

/// <summary>An importer's attachment to a dma-buf. The memory stays until this is disposed, revoked or not.</summary>
/// <remarks>
/// Devices' accesses call <see cref="TryRead"/> and <see cref="TryWrite"/> on any thread, several at once, and
/// <see cref="IDmaBufImporter.InvalidateMappings"/> waits for them. So these take no lock that the exporter holds
/// during that call, and end in bounded time. They need not check for revocation: once that call has returned, nobody
/// calls them.
/// </remarks>
public interface IDmaBufAttachment : IDisposable
{
    /// <summary>
    /// Address of the first byte in our own process, for direct reads and writes; 0 if every access must use
    /// <see cref="TryRead"/> and <see cref="TryWrite"/>.
    /// </summary>
    nint Address { get; }

    /// <summary>Copies bytes out, within the dma-buf's length; false if they cannot be read.</summary>
    bool TryRead(ulong offset, Span<byte> destination);

    /// <summary>Copies bytes in, within the dma-buf's length; false if they cannot be written.</summary>
    bool TryWrite(ulong offset, ReadOnlySpan<byte> source);

    /// <summary>The location of a byte.</summary>
    MemoryLocation Locate(ulong offset);
}
