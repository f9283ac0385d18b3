using Ioasis.Core.Endpoints;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Diagnostics.State;

/// <summary>A device as the machine knows it.</summary>
/// <param name="Name">Its address, or the name of a vDPA device.</param>
/// <param name="Model">Its model.</param>
/// <param name="Driver">The driver that has it; null for none.</param>
/// <param name="Endpoint">Its place behind a unit.</param>
/// <param name="Engines">Its engines, and whether each is busy; null if nobody wants to know.</param>
internal sealed record DeviceView(string Name, string Model, string? Driver, Endpoint Endpoint,
    IReadOnlyList<(string Name, bool IsBusy)>? Engines = null);

/// <summary>An mdev as the machine knows it.</summary>
/// <param name="Uuid">Its name.</param>
/// <param name="Type">The name of its type.</param>
/// <param name="Parent">The name of its parent.</param>
/// <param name="Node">Its node; null while no driver has it.</param>
/// <param name="Group">Its own group; null for none.</param>
/// <param name="Part">The part of a function that it is; null for one that is software only.</param>
/// <param name="Access">Of one that is software only, its way to memory; null for none.</param>
/// <param name="Engines">Its engines, and whether each is busy.</param>
internal sealed record MdevView(Guid Uuid, string Type, string Parent, string? Node, int? Group, EndpointPart? Part,
    IommufdAccess? Access, IReadOnlyList<(string Name, bool IsBusy)> Engines);
