using Ioasis.Memory;

namespace Ioasis.Client;

/// <summary>A mapping that ends with its scope: memory that an IOAS maps until the object is disposed.</summary>
public sealed class IoasMapping : IDisposable
{
    private int _ended;

    internal IoasMapping(Ioas ioas, Iova address, ulong length)
    {
        Ioas = ioas;
        Address = address;
        Length = length;
    }

    /// <summary>The IOAS.</summary>
    public Ioas Ioas { get; }

    /// <summary>The address of the first byte, for devices.</summary>
    public Iova Address { get; }

    /// <summary>Bytes.</summary>
    public ulong Length { get; }

    /// <summary>Unmaps the memory, once. After it returns no device reaches the memory through the mapping.</summary>
    /// <exception cref="IommuException">ENOENT if something else unmapped it.</exception>
    public void Unmap()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0) Ioas.Unmap(Address, Length);
    }

    /// <summary>As <see cref="Unmap"/>. Does nothing if the mapping, the IOAS or the context is gone.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0) Ioas.TryUnmap(Address, Length, out _);
    }
}
