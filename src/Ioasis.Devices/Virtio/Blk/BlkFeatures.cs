namespace Ioasis.Devices.Virtio.Blk;

/// <summary>Feature bits of a block device (virtio 1.3, 5.2.3).</summary>
internal static class BlkFeatures
{
    internal const ulong SizeMax = 1 << 1, SegMax = 1 << 2, ReadOnly = 1 << 5, BlockSize = 1 << 6, Flush = 1 << 9,
        Topology = 1 << 10, MultiQueue = 1 << 12, Discard = 1 << 13, WriteZeroes = 1 << 14;

    /// <summary>What the device can do, but for being read-only.</summary>
    internal const ulong All =
        SizeMax | SegMax | BlockSize | Flush | Topology | MultiQueue | Discard | WriteZeroes;
}
