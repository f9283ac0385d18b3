namespace Ioasis.Core.DmaApi;

/// <summary>How a device's DMA API behaves.</summary>
public sealed record DmaDeviceOptions
{
    /// <summary>
    /// Whether every buffer is copied to memory of its own while it is mapped (Linux: what is done for untrusted
    /// devices). The device then reaches exactly the buffer's bytes, and what it wrote is seen after a sync only. So
    /// missing syncs show, which they do not where memory is coherent.
    /// </summary>
    public bool BouncesAlways { get; init; }

    /// <summary>
    /// Whether addresses above 4 GiB are used although there is room below (Linux: iommu.forcedac).
    /// </summary>
    public bool Uses64BitsAtOnce { get; init; }

    /// <summary>
    /// Sees what the driver does; null for nobody. With one, native memory is mapped as managed memory is, which takes
    /// longer. Without one, nothing is slower.
    /// </summary>
    public DmaObserver? Observer { get; init; }
}
