namespace Ioasis.Devices.Blocks;

/// <summary>
/// The storage of a device's blocks. Thread-safe, but concurrent accesses to one block have no defined order.
/// </summary>
internal abstract class BlockStore : IDisposable
{
    /// <summary>Size in bytes.</summary>
    internal abstract long Size { get; }

    /// <summary>Opens a file, or makes storage in memory.</summary>
    /// <param name="file">Path of the file; null for memory.</param>
    /// <param name="size">
    /// Bytes. Null for the file's size, or <see cref="MemoryBlockStore.UsualSize"/> of memory. A shorter or missing
    /// file is extended, unless it is read only.
    /// </param>
    /// <param name="readOnly">Whether it is only read.</param>
    /// <param name="device">What the device is, for the complaint, such as <c>an nvme</c>.</param>
    /// <exception cref="ArgumentException">The file cannot be used.</exception>
    internal static BlockStore Open(string? file, long? size, bool readOnly, string device)
    {
        if (file is null) return new MemoryBlockStore(size ?? MemoryBlockStore.UsualSize);
        try
        {
            return new FileBlockStore(file, size, readOnly);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ArgumentException(
                $"The file \"{file}\" of {device} cannot be used: {e.Message}", nameof(file), e);
        }
    }

    /// <exception cref="IOException">It cannot be read.</exception>
    internal abstract void Read(long offset, Span<byte> destination);

    /// <summary>
    /// Bytes where they lie, which the caller only reads, so that they need not be copied; none if they are not in one
    /// piece of memory.
    /// </summary>
    internal virtual Span<byte> Lend(long offset, int count) => [];

    /// <exception cref="IOException">It cannot be written.</exception>
    internal abstract void Write(long offset, ReadOnlySpan<byte> source);

    /// <exception cref="IOException">It cannot be written.</exception>
    internal abstract void Zero(long offset, long count);

    /// <summary>Makes all of these bytes zeros, and takes no more of the medium than they have.</summary>
    /// <exception cref="IOException">They may not all be zeros.</exception>
    internal virtual void Erase(long offset, long count) => Zero(offset, count);

    /// <summary>Frees these bytes, which read as zeros afterwards. False if they may not all be zeros.</summary>
    internal abstract bool TryDeallocate(long offset, long count);

    /// <summary>Writes earlier data to the medium.</summary>
    /// <exception cref="IOException">The medium failed.</exception>
    internal abstract void Flush();

    public abstract void Dispose();
}
