namespace Ioasis.Devices;

/// <summary>Options of an NVMe controller.</summary>
public sealed record NvmeOptions
{
    /// <summary>File with the blocks. Null for memory, which starts as zeros and is lost with the machine.</summary>
    public string? File { get; init; }

    /// <summary>
    /// Bytes of the namespace, a multiple of 512. Null for the file's size, or 64 MiB of memory. A shorter or missing
    /// file is extended to this size.
    /// </summary>
    public long? Size { get; init; }

    /// <summary>Number of pairs of I/O queues that can exist, 1 to 16.</summary>
    public int Queues { get; init; } = 8;

    /// <summary>
    /// Number of mdevs that the controller can have, 0 to 16. Above 0 its blocks are cut into one part more than that:
    /// the first is its own namespace's, the others are the mdevs'. Only such a controller has PASIDs.
    /// </summary>
    public int Mdevs { get; init; }

    /// <summary>Serial number, up to 20 ASCII characters; null derives it from the device's address.</summary>
    public string? Serial { get; init; }
}
