namespace Ioasis.Devices;

/// <summary>Options of a DSA device.</summary>
public sealed record DsaOptions
{
    /// <summary>Log2 of the longest transfer in bytes; 31 (2 GiB) is that of the first generation.</summary>
    public int MaxTransferLog2 { get; init; } = 31;

    /// <summary>Log2 of the most descriptors in a batch, 1 to 15.</summary>
    public int MaxBatchLog2 { get; init; } = 10;

    /// <summary>Whether a driver must request interrupt handles by command, as guests must.</summary>
    public bool InterruptHandles { get; init; }

    /// <summary>
    /// Number of queues that mdevs can have, 0 to <see cref="DsaDevice.MaxMdevQueues"/>: the highest, with 16 entries
    /// each. The function itself has the others.
    /// </summary>
    public int Mdevs { get; init; }
}
