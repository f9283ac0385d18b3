namespace Ioasis.Devices.Virtio;

/// <summary>Feature bits that belong to no kind of device (virtio 1.3, chapter 6).</summary>
public static class VirtioFeatures
{
    /// <summary>A request may be cut into descriptors anyhow (VIRTIO_F_ANY_LAYOUT).</summary>
    public const ulong AnyLayout = 1UL << 27;

    /// <summary>A descriptor may refer to a table of descriptors (VIRTIO_F_INDIRECT_DESC).</summary>
    public const ulong IndirectDescriptors = 1UL << 28;

    /// <summary>Each side says at which entry it wants to be notified (VIRTIO_F_EVENT_IDX).</summary>
    public const ulong EventIndex = 1UL << 29;

    /// <summary>The driver follows virtio 1.0 or later (VIRTIO_F_VERSION_1).</summary>
    public const ulong Version1 = 1UL << 32;

    /// <summary>The device's accesses are translated by an IOMMU (VIRTIO_F_ACCESS_PLATFORM).</summary>
    public const ulong AccessPlatform = 1UL << 33;

    /// <summary>Rings are packed (VIRTIO_F_RING_PACKED).</summary>
    public const ulong PackedRing = 1UL << 34;

    /// <summary>The device uses buffers in the order in which they were made available (VIRTIO_F_IN_ORDER).</summary>
    public const ulong InOrder = 1UL << 35;

    /// <summary>The driver orders its memory accesses as for a device outside of its processor
    /// (VIRTIO_F_ORDER_PLATFORM).</summary>
    public const ulong OrderPlatform = 1UL << 36;

    /// <summary>A notification carries the ring's index (VIRTIO_F_NOTIFICATION_DATA).</summary>
    public const ulong NotificationData = 1UL << 38;

    /// <summary>The driver can reset a single queue (VIRTIO_F_RING_RESET).</summary>
    public const ulong RingReset = 1UL << 40;

    /// <summary>All that <see cref="VirtQueue"/> supports.</summary>
    public const ulong Rings =
        AnyLayout | IndirectDescriptors | EventIndex | Version1 | AccessPlatform | PackedRing | InOrder | OrderPlatform;
}
