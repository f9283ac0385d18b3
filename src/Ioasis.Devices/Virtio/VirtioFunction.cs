namespace Ioasis.Devices.Virtio;

/// <summary>A virtio device, as a transport shows it (virtio 1.3, chapter 2).</summary>
public sealed record VirtioFunction
{
    /// <summary>Virtio device ID: 1 is a network card, 2 a block device (virtio 1.3, chapter 5).</summary>
    public required int DeviceId { get; init; }

    /// <summary>
    /// Feature bits that the device offers: its own, and those of the rings (<see cref="VirtioFeatures.Rings"/>).
    /// </summary>
    public required ulong Features { get; init; }

    /// <summary>The queues, in the order of their indexes.</summary>
    public required IReadOnlyList<VirtioQueueLayout> Queues { get; init; }

    /// <summary>Bytes of the device's configuration.</summary>
    public required int ConfigSize { get; init; }

    /// <summary>Number of groups: one more than the highest group of a queue.</summary>
    public int Groups => Queues.Max(queue => queue.Group) + 1;
}

/// <summary>A queue of a virtio device.</summary>
/// <param name="MaxSize">The most entries; a power of two up to 32768.</param>
/// <param name="Group">
/// The group that the queue belongs to. Each group can have an address space of its own; all accesses of its queues,
/// rings included, go there.
/// </param>
/// <param name="Worker">
/// Number of the thread that serves the queue (<see cref="VirtioDeviceModel.Serve"/>). Queues may share one. Workers
/// are numbered from 0 without gaps.
/// </param>
public sealed record VirtioQueueLayout(int MaxSize, int Group, int Worker);
