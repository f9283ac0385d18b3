namespace Ioasis.Diagnostics.Metrics;

/// <summary>The names of the metrics' labels. The values of each are few: a program cannot make more of them.</summary>
internal static class Labels
{
    /// <summary>What a device is called: a requester ID, or the name of a device that is no PCI function.</summary>
    internal const string Device = "device";

    /// <summary><c>read</c>: the device reads memory; or <c>write</c>.</summary>
    internal const string Direction = "direction";

    /// <summary>The name of an IOMMU unit.</summary>
    internal const string Unit = "unit";

    /// <summary>Why an access was refused: a name of <see cref="Core.Faults.FaultReason"/>.</summary>
    internal const string Reason = "reason";

    /// <summary>The name of an ioctl, or read, write, mmap; <c>ioctl</c> if its number is not known.</summary>
    internal const string Call = "call";

    /// <summary>The errno of a call; <c>ok</c> if it succeeded.</summary>
    internal const string Errno = "errno";

    /// <summary>The answer to page requests: a name of <see cref="Core.PageRequests.PageResponse"/>.</summary>
    internal const string Response = "response";
}
