using Ioasis.Memory;

namespace Ioasis.Core.Dma;

/// <summary>
/// Bytes that an access found missing, though they are mapped: they were taken away, or have to be brought by somebody
/// who takes his time, a userfaultfd's owner or a file system. Made within the access, where the mapping holds the
/// memory; held from there on until it was tried to bring them.
/// </summary>
internal readonly struct MissingBytes
{
    // Bytes that are brought and taken away again so often are as good as gone.
    private const int MostTries = 64;

    private readonly ulong _offset;
    private readonly uint _count;

    internal MissingBytes(MemoryBacking backing, ulong offset, uint count)
    {
        backing.AddReference();
        (Backing, _offset, _count) = (backing, offset, count);
    }

    /// <summary>What they are bytes of; null when none are missing.</summary>
    internal MemoryBacking? Backing { get; }

    /// <summary>
    /// Waits until they are brought, and lets go of the memory. True when the access is worth another try; it has to be
    /// translated anew.
    /// </summary>
    /// <exception cref="OperationCanceledException">The device's engine was told to stop.</exception>
    internal bool TryBring(bool write, ref int tries)
    {
        try
        {
            return ++tries <= MostTries && Backing!.TryBring(_offset, _count, write, EngineStop.Current);
        }
        finally
        {
            Backing!.Release();
        }
    }
}
