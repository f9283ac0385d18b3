namespace Ioasis.Devices;

/// <summary>What can differ between I/OAT devices.</summary>
public sealed record IoatOptions
{
    /// <summary>Logarithm of the longest transfer of a descriptor, 12 to 20.</summary>
    public int MaxTransferLog2 { get; init; } = 14;

    /// <summary>
    /// Whether data that cannot be read or written halts the channel. False: it never learns of it, as where whatever
    /// lies between it and memory answers for what the IOMMU refused.
    /// </summary>
    public bool HaltOnFault { get; init; } = true;
}
