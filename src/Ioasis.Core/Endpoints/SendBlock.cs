using Ioasis.Core.Faults;

namespace Ioasis.Core.Endpoints;

/// <summary>Why a device may send no requests, as its owner says it: none of them reaches the IOMMU.</summary>
public sealed class SendBlock
{
    /// <summary>
    /// Makes a reason of the owner's own; accesses are refused with <see cref="FaultReason.SendBlocked"/>.
    /// </summary>
    /// <param name="says">The reason in words, for those who look at a translation.</param>
    public SendBlock(string says) : this(FaultReason.SendBlocked, says)
    {
    }

    private SendBlock(FaultReason reason, string says) => (Reason, Says) = (reason, says);

    /// <summary>Of a PCI function: bus mastering is off (PCI command register, bit 2).</summary>
    public static SendBlock BusMasterDisabled { get; } =
        new(FaultReason.BusMasterDisabled, "the function may not master the bus");

    /// <summary>Why accesses are refused.</summary>
    public FaultReason Reason { get; }

    /// <summary>The same in words.</summary>
    public string Says { get; }
}
