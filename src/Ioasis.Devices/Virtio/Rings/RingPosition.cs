namespace Ioasis.Devices.Virtio;

/// <summary>A place in a packed ring: an index and a wrap counter (virtio 1.3, 2.8.1).</summary>
/// <param name="Index">Index of a descriptor.</param>
/// <param name="Wrap">Toggles each time the index returns to 0; true at first.</param>
internal record struct RingPosition(int Index, bool Wrap)
{
    /// <summary>The first place as <see cref="Bits"/>.</summary>
    internal const ushort FirstBits = WrapBit;

    private const ushort WrapBit = 1 << 15;

    /// <summary>The index, and the wrap counter in bit 15.</summary>
    internal readonly uint Bits => (uint)Index | (Wrap ? WrapBit : 0u);

    internal static RingPosition FromBits(ushort bits) => new(bits & (WrapBit - 1), (bits & WrapBit) != 0);

    internal void Advance(int count, int size)
    {
        Index += count;
        if (Index < size) return;
        Index -= size;
        Wrap = !Wrap;
    }
}
