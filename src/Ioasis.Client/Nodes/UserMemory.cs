using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Client;

/// <summary>
/// Bytes of the calling process, with an address for ioctls and devices. Devices may change them at any time, so values
/// are copied whole; <see cref="Borrow"/> lends them as a span.
/// </summary>
public class UserMemory : IDisposable
{
    private readonly SharedBytes _bytes;
    private readonly Action _free;
    private HoldCount _holds = new(); // this object and each loan
    private int _isDisposed;

    internal UserMemory(SharedBytes bytes, Action free)
    {
        _bytes = bytes;
        _free = free;
    }

    /// <summary>The address of the first byte.</summary>
    public Hva Address => new((ulong)_bytes.Address);

    /// <summary>Number of bytes.</summary>
    public ulong Length => _bytes.Length;

    /// <summary>The bytes, for one that keeps this object as long as it uses them.</summary>
    public SharedBytes Bytes => _bytes;

    /// <summary>Reads a value at a byte offset. A naturally aligned value of up to 8 bytes takes one load.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It does not lie within the memory.</exception>
    public T Read<T>(ulong offset = 0) where T : unmanaged => Live.Read<T>(offset);

    /// <summary>Writes a value at a byte offset. A naturally aligned value of up to 8 bytes takes one store.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It does not lie within the memory.</exception>
    public void Write<T>(ulong offset, T value) where T : unmanaged => Live.Write(offset, value);

    /// <summary>Copies bytes out, from <paramref name="offset"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">They do not lie within the memory.</exception>
    public void CopyTo(ulong offset, Span<byte> destination) => Live.CopyTo(offset, destination);

    /// <summary>Copies bytes in, from <paramref name="offset"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">They do not lie within the memory.</exception>
    public void CopyFrom(ulong offset, ReadOnlySpan<byte> source) => Live.CopyFrom(offset, source);

    /// <summary>A copy of bytes, from <paramref name="offset"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">They do not lie within the memory.</exception>
    public byte[] ToArray(ulong offset, int count)
    {
        var copy = new byte[count];
        CopyTo(offset, copy);
        return copy;
    }

    /// <summary>Sets all bytes to 0.</summary>
    public void Clear() => Live.Clear();

    /// <summary>
    /// Lends the bytes as a span, which cannot leave the scope of the variable that holds the loan:
    /// <c>using BorrowedBytes loan = memory.Borrow();</c>. A disposal meanwhile frees the memory when the loan is
    /// returned. Devices can change the bytes at any time.
    /// </summary>
    /// <exception cref="NotSupportedException">The memory is a device's: its registers are read and written one by one.
    /// Or it has more bytes than a span can have.</exception>
    public virtual BorrowedBytes Borrow()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0 || !_holds.TryAdd(), this);
        try
        {
            return _bytes.Borrow(Release);
        }
        catch
        {
            Release();
            throw;
        }
    }

    /// <summary>Frees the memory (munmap(2)). Devices' mappings that were populated before keep the bytes.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0) Release();
        GC.SuppressFinalize(this);
    }

    private void Release()
    {
        if (_holds.Release()) _free();
    }

    private SharedBytes Live
    {
        get
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
            return _bytes;
        }
    }
}

/// <summary>A mapping of a node's bytes, such as a BAR: stores reach the device.</summary>
public sealed class MappedRegion : UserMemory
{
    internal MappedRegion(SharedBytes bytes, Action free) : base(bytes, free)
    {
    }

    /// <summary>Refuses: a span over registers would hide how wide each access is.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override BorrowedBytes Borrow() =>
        throw new NotSupportedException("A device's registers are not lent as a span; use Read and Write.");
}
