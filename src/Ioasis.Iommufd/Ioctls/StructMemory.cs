using Ioasis.Memory;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>
/// Where the structure of an ioctl is in the program's memory, for as long as the call is served. Memory of our own
/// process is held meanwhile: looked for once, it is read and written as it is.
/// </summary>
internal readonly struct StructMemory : IDisposable
{
    private readonly HostBlock? _held;

    /// <summary>Finds the structure, which need not be there.</summary>
    /// <param name="space">The program's memory.</param>
    /// <param name="address">Where it begins.</param>
    /// <param name="size">Bytes of it that we know, and may copy.</param>
    internal StructMemory(AddressSpace space, ulong address, uint size)
    {
        Space = space;
        Address = address;
        space.TryHold(new Hva(address), size, null, out _held);
    }

    internal AddressSpace Space { get; }

    internal ulong Address { get; }

    /// <summary>Copies its first bytes out; false where the program could not read them.</summary>
    internal bool TryRead(Span<byte> destination)
    {
        if (_held is null) return Space.TryRead(new Hva(Address), destination);
        _held.CopyTo(Address - (ulong)_held.Address, destination);
        return true;
    }

    /// <summary>Copies bytes of it in, from an offset on; false where the program could not write them.</summary>
    internal bool TryWrite(uint offset, ReadOnlySpan<byte> source)
    {
        if (_held is null) return Space.TryWrite(new Hva(unchecked(Address + offset)), source);
        _held.CopyFrom(Address - (ulong)_held.Address + offset, source);
        return true;
    }

    public void Dispose() => _held?.Release();
}
