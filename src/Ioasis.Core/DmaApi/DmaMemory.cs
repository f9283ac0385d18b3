using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// Zeroed, page-aligned memory of our own process that a <see cref="DmaSpace"/> can map. It is freed when its owner has
/// disposed it and nothing that a device may still use maps it.
/// </summary>
public sealed class DmaMemory : IDisposable
{
    private readonly Action _free;
    private HoldCount _holds = new();
    private int _isDisposed;

    /// <summary>Takes over memory.</summary>
    /// <param name="bytes">Whole pages.</param>
    /// <param name="free">Gives it back.</param>
    public DmaMemory(SharedBytes bytes, Action free)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        ArgumentNullException.ThrowIfNull(free);
        (Bytes, _free) = (bytes, free);
    }

    /// <summary>The bytes.</summary>
    public SharedBytes Bytes { get; }

    /// <summary>How many bytes.</summary>
    public ulong Length => Bytes.Length;

    /// <summary>Releases the owner's hold. A mapping that names the memory keeps it.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0) Release();
    }

    /// <summary>A mapping holds it, too.</summary>
    internal void Hold()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0 || !_holds.TryAdd(), this);
    }

    internal void Release()
    {
        if (_holds.Release()) _free();
    }
}
