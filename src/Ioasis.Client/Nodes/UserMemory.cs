using Ioasis.Memory;

namespace Ioasis.Client;

/// <summary>
/// Bytes of the calling process, with an address for ioctls and devices. Devices may change them at any time, so values
/// are copied whole; there is no span over the bytes.
/// </summary>
public class UserMemory : IDisposable
{
    private readonly SharedBytes _bytes;
    private Action? _free;

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

    /// <summary>Frees the memory (munmap(2)). Devices' mappings that were populated before keep the bytes.</summary>
    public void Dispose()
    {
        Interlocked.Exchange(ref _free, null)?.Invoke();
        GC.SuppressFinalize(this);
    }

    private SharedBytes Live
    {
        get
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _free) is null, this);
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
}
