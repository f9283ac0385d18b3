namespace Ioasis.Devices;

/// <summary>What can differ between NVMe controllers.</summary>
public sealed record NvmeOptions
{
    /// <summary>
    /// The file that holds the blocks; null for memory, which begins with zeros and is gone with the machine.
    /// </summary>
    public string? File { get; init; }

    /// <summary>
    /// Bytes of its namespace, a multiple of 512. Null: what the file has, 64 MiB of memory. A file that is shorter, or
    /// not there, gets this many.
    /// </summary>
    public long? Size { get; init; }

    /// <summary>How many pairs of I/O queues there can be, 1 to 16.</summary>
    public int Queues { get; init; } = 8;

    /// <summary>Its serial number, up to 20 ASCII characters; null for one that is made of where it sits.</summary>
    public string? Serial { get; init; }
}
