using Ioasis.Devices;
using Ioasis.Memory;

namespace Ioasis.Machine.Description;

/// <summary>A device of a machine.</summary>
/// <param name="Model">Name of its model, <c>edu</c>.</param>
/// <param name="Address">Where it sits.</param>
/// <param name="Unit">The unit that translates for it.</param>
/// <param name="Group">Its IOMMU group; null for one of its own.</param>
/// <param name="Properties">What its model can be told, by name.</param>
public sealed record DeviceDescription(
    string Model, RequesterId Address, string Unit, int? Group, IReadOnlyDictionary<string, string> Properties)
{
    /// <summary>
    /// How many PASID bits it has here, at most its model's; 0 for no such capability, null for the model's.
    /// </summary>
    public int? PasidBits { get; init; }

    /// <summary>False where it is to have no ATS, and so no PRI.</summary>
    public bool Ats { get; init; } = true;

    /// <summary>
    /// How many page requests it can have unanswered here, at most its model's; 0 for no such capability, null for the
    /// model's.
    /// </summary>
    public int? PageRequests { get; init; }

    /// <summary>False where programs are not to map its BARs: each access is then a call, and seen.</summary>
    public bool Mappable { get; init; } = true;

    /// <summary>Whether drivers in the host do not trust it, as a device at an external port.</summary>
    public bool Untrusted { get; init; }

    /// <summary>What the device is in this machine.</summary>
    internal PciFunction Restrict(PciFunction function)
    {
        int pasidBits = Math.Min(PasidBits ?? function.PasidBits, function.PasidBits);
        bool ats = Ats && function.HasAts;
        return function with
        {
            PasidBits = pasidBits,
            PasidExecute = pasidBits > 0 && function.PasidExecute,
            PasidPrivileged = pasidBits > 0 && function.PasidPrivileged,
            HasAts = ats,
            Bars = Mappable ? function.Bars : [.. function.Bars.Select(bar => bar with { IsMappable = false })],
            Sriov = function.Sriov is { } sriov
                ? sriov with { VirtualFunction = Restrict(sriov.VirtualFunction) }
                : null,
            PageRequests = ats ? Math.Min(PageRequests ?? function.PageRequests, function.PageRequests) : 0,
        };
    }
}
