namespace Ioasis.Devices.Virtio;

/// <summary>Options of a virtio block device.</summary>
public sealed record VirtioBlkOptions
{
    /// <summary>File with the sectors. Null for memory, which starts as zeros and is lost with the machine.</summary>
    public string? File { get; init; }

    /// <summary>
    /// Bytes of the device, a multiple of 512. Null for the file's size, or 64 MiB of memory. A shorter or missing file
    /// is extended to this size.
    /// </summary>
    public long? Size { get; init; }

    /// <summary>Number of queues, 1 to 16.</summary>
    public int Queues { get; init; } = 1;

    /// <summary>The most entries of a queue; a power of two from 4 to 1024.</summary>
    public int QueueSize { get; init; } = 256;

    /// <summary>Whether the device refuses writes.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Serial number, up to 20 ASCII characters.</summary>
    public string Serial { get; init; } = "ioasis";

    /// <summary>Feature bits that may be offered; the device leaves out others.</summary>
    public ulong Features { get; init; } = ulong.MaxValue;
}
