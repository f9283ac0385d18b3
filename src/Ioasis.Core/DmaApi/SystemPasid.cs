using Ioasis.Core.Pasids;
using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// A PASID whose requests are translated as the device's requests without one. After the last one of a device is given
/// back, no request with the PASID goes through, none is under way, and the PASID is free.
/// </summary>
/// <param name="value">The PASID that a device's home has attached for its driver.</param>
/// <param name="release">Gives it back; called once.</param>
public sealed class SystemPasid(Pasid value, Action release) : HeldPasid(value, release);
