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
    private volatile bool _isKept;

    /// <summary>Takes over memory.</summary>
    /// <param name="bytes">Whole pages.</param>
    /// <param name="free">Gives it back.</param>
    public DmaMemory(SharedBytes bytes, Action free)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        ArgumentNullException.ThrowIfNull(free);
        (Bytes, Address, Length, _free) = (bytes, bytes.Address, bytes.Length, free);
    }

    /// <summary>The bytes.</summary>
    public SharedBytes Bytes { get; }

    /// <summary>How many bytes.</summary>
    public ulong Length { get; }

    /// <summary>The address of the first byte.</summary>
    internal nint Address { get; }

    /// <summary>Whether the owner has disposed it. Mappings may still hold it.</summary>
    internal bool IsDisposed => Volatile.Read(ref _isDisposed) != 0;

    /// <summary>Whether threads keep holds on it (<see cref="DriverThread"/>).</summary>
    internal bool IsKept
    {
        get => _isKept;
        set => _isKept = value;
    }

    /// <summary>Releases the owner's hold. A mapping that names the memory keeps it.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        if (IsKept) DriverThread.Forget(this);
        Release(1);
    }

    /// <summary>A mapping holds it, too.</summary>
    /// <exception cref="ObjectDisposedException">The owner has disposed it.</exception>
    internal void Hold() => ObjectDisposedException.ThrowIf(IsDisposed || !_holds.TryAdd(), this);

    /// <summary>Takes holds, for mappings or for threads; false if the memory is gone.</summary>
    internal bool TryHold(int count) => _holds.TryAdd(count);

    internal void Release(int count = 1)
    {
        if (count != 0 && _holds.Release(count)) _free();
    }
}
