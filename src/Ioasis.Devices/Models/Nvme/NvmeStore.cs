namespace Ioasis.Devices.Nvme;

/// <summary>
/// The storage of the blocks. Thread-safe, but concurrent accesses to one block have no defined order.
/// </summary>
internal abstract class NvmeStore : IDisposable
{
    /// <summary>Size in bytes.</summary>
    internal abstract long Size { get; }

    /// <summary>Opens the storage that the options describe.</summary>
    /// <exception cref="ArgumentException">It cannot be opened, or its size does not fit a namespace.</exception>
    internal static NvmeStore Open(NvmeOptions options)
    {
        try
        {
            NvmeStore store = options.File is { } path
                ? new NvmeFileStore(path, options.Size)
                : new NvmeMemoryStore(options.Size ?? NvmeMemoryStore.UsualSize);
            if (NvmeSlice.SizeOf(store, options.Mdevs) >= NvmeNamespace.BlockSize) return store;
            store.Dispose();
            throw new ArgumentException(options.Mdevs == 0
                ? $"A namespace of {store.Size} bytes has no block; give the nvme a \"size\"."
                : $"{store.Size} bytes are too few for an nvme and {options.Mdevs} mdevs; give it a \"size\".",
                nameof(options));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ArgumentException($"The file \"{options.File}\" of an nvme cannot be used: {e.Message}",
                nameof(options), e);
        }
    }

    /// <exception cref="IOException">It cannot be read.</exception>
    internal abstract void Read(long offset, Span<byte> destination);

    /// <exception cref="IOException">It cannot be written.</exception>
    internal abstract void Write(long offset, ReadOnlySpan<byte> source);

    /// <exception cref="IOException">It cannot be written.</exception>
    internal abstract void Zero(long offset, long count);

    /// <summary>Drops the contents of these bytes.</summary>
    internal abstract void Deallocate(long offset, long count);

    /// <summary>Writes earlier data to the medium.</summary>
    /// <exception cref="IOException">The medium failed.</exception>
    internal abstract void Flush();

    public abstract void Dispose();
}
