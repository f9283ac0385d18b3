using Ioasis.Core.Domains;
using Ioasis.Core.Units;

namespace Ioasis.Core.Observation;

/// <summary>The owner of a first stage is about to invalidate what caches keep of it.</summary>
/// <param name="Stamp">When.</param>
/// <param name="Domain">The first stage; null when the entries are for all of a vIOMMU.</param>
/// <param name="Viommu">The vIOMMU; null when the entries are for one first stage.</param>
/// <param name="Type">The kind of the entries (linux/iommufd.h: enum iommu_hwpt_invalidate_data_type).</param>
/// <param name="Entries">How many entries there are.</param>
public readonly record struct InvalidateEvent(
    EventStamp Stamp, NestedDomain? Domain, Viommu? Viommu, uint Type, int Entries)
    : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Invalidate;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnInvalidate(in this);
}
