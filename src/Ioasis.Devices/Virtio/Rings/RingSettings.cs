namespace Ioasis.Devices.Virtio;

/// <summary>What a driver says about a queue before it runs.</summary>
internal struct RingSettings
{
    /// <summary>Number of entries.</summary>
    internal int Size;

    /// <summary>Address of the descriptors.</summary>
    internal ulong Descriptors;

    /// <summary>Address of the driver area: the available ring (split), or the driver's event suppression
    /// (packed).</summary>
    internal ulong Driver;

    /// <summary>
    /// Address of the device area: the used ring (split), or the device's event suppression (packed).
    /// </summary>
    internal ulong Device;

    /// <summary>
    /// The next entry that the device looks at: its index (split), or its index with the wrap counter in bit 15
    /// (packed). Null: as after a reset.
    /// </summary>
    internal ushort? Base;

    /// <summary>Whether each area lies below 2^64.</summary>
    internal readonly bool Fits(bool isPacked)
    {
        ulong entries = (uint)Size;
        ulong driver = isPacked ? 4 : 6 + (2 * entries), device = isPacked ? 4 : 6 + (8 * entries);
        return Descriptors <= ulong.MaxValue - (16 * entries)
            && Driver <= ulong.MaxValue - driver && Device <= ulong.MaxValue - device;
    }
}
