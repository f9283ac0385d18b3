using Ioasis.Memory;

namespace Ioasis.Core.Pasids;

/// <summary>
/// A binding of a device to a process: requests with the PASID use the process's own pointers. After the last one of a
/// device and a process is given back, no access of the device uses the process's memory.
/// </summary>
/// <param name="value">The PASID that a device's home has bound for its driver.</param>
/// <param name="unbind">Undoes the binding; called once.</param>
public sealed class BoundProcess(Pasid value, Action unbind) : HeldPasid(value, unbind);
