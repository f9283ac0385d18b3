namespace Ioasis.Devices;

/// <summary>What can differ between DSA devices.</summary>
public sealed record DsaOptions
{
    /// <summary>Logarithm of the longest transfer; 31, that is 2 GiB, as in the first generation.</summary>
    public int MaxTransferLog2 { get; init; } = 31;

    /// <summary>Logarithm of the most descriptors of a batch, 1 to 15.</summary>
    public int MaxBatchLog2 { get; init; } = 10;

    /// <summary>Whether interrupt handles are to be requested by command, as a guest must.</summary>
    public bool InterruptHandles { get; init; }
}
