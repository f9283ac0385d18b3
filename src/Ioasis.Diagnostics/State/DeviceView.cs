using Ioasis.Core.Endpoints;

namespace Ioasis.Diagnostics.State;

/// <summary>A device as the machine knows it.</summary>
/// <param name="Name">Its address, or the name of a vDPA device.</param>
/// <param name="Model">Its model.</param>
/// <param name="Driver">The driver that has it; null for none.</param>
/// <param name="Endpoint">Its place behind a unit.</param>
public sealed record DeviceView(string Name, string Model, string? Driver, Endpoint Endpoint);
