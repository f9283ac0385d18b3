using Ioasis.Memory;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>
/// The location of an ioctl's structure in the program's memory, while the call is served. A block of our own process
/// is held meanwhile, so that one look-up serves all accesses.
/// </summary>
internal readonly struct StructMemory : IDisposable
{
    private readonly HostBlock? _held;

    /// <summary>Locates the structure, which may be missing.</summary>
    /// <param name="space">The program's memory.</param>
    /// <param name="address">Address of the structure.</param>
    /// <param name="size">Bytes that we know of it and may copy.</param>
    internal StructMemory(AddressSpace space, ulong address, uint size)
    {
        Space = space;
        Address = address;
        space.TryHold(new Hva(address), size, null, out _held);
    }

    internal AddressSpace Space { get; }

    internal ulong Address { get; }

    /// <summary>Copies its first bytes out; false if the program could not read them.</summary>
    internal bool TryRead(Span<byte> destination)
    {
        if (_held is null) return Space.TryRead(new Hva(Address), destination);
        _held.CopyTo(Address - (ulong)_held.Address, destination);
        return true;
    }

    /// <summary>Copies bytes in at an offset; false if the program could not write them.</summary>
    internal bool TryWrite(uint offset, ReadOnlySpan<byte> source)
    {
        if (_held is null) return Space.TryWrite(new Hva(unchecked(Address + offset)), source);
        _held.CopyFrom(Address - (ulong)_held.Address + offset, source);
        return true;
    }

    public void Dispose() => _held?.Release();
}
