namespace Ioasis.Devices;

/// <summary>Options of an I/OAT device.</summary>
public sealed record IoatOptions
{
    /// <summary>Log2 of a descriptor's longest transfer in bytes, 12 to 20.</summary>
    public int MaxTransferLog2 { get; init; } = 14;

    /// <summary>
    /// Whether a fault on data halts the channel. If false, the channel never learns of the fault, as on systems that
    /// answer in place of memory when the IOMMU refuses an access.
    /// </summary>
    public bool HaltOnFault { get; init; } = true;
}
