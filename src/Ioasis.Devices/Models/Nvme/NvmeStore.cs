namespace Ioasis.Devices.Nvme;

/// <summary>
/// Where the blocks are. Several threads use it at once; what two of them do to one block at one time is theirs to
/// order.
/// </summary>
internal abstract class NvmeStore : IDisposable
{
    /// <summary>Bytes.</summary>
    internal abstract long Size { get; }

    /// <summary>Opens what the options say.</summary>
    /// <exception cref="ArgumentException">It cannot be opened, or its size is none of a namespace.</exception>
    internal static NvmeStore Open(NvmeOptions options)
    {
        try
        {
            NvmeStore store = options.File is { } path
                ? new NvmeFileStore(path, options.Size)
                : new NvmeMemoryStore(options.Size ?? NvmeMemoryStore.UsualSize);
            if (store.Size >= NvmeNamespace.BlockSize) return store;
            store.Dispose();
            throw new ArgumentException($"A namespace of {store.Size} bytes has no block; give the nvme a \"size\".",
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

    /// <summary>What these bytes hold is of no interest any more.</summary>
    internal abstract void Deallocate(long offset, long count);

    /// <summary>What was written before is on the medium when this returns.</summary>
    /// <exception cref="IOException">It is not.</exception>
    internal abstract void Flush();

    public abstract void Dispose();
}
