using Ioasis.Core.Endpoints;
using Ioasis.Core.Injection;

namespace Ioasis.Core.Observation;

/// <summary>
/// Something goes wrong because an <see cref="Injector"/> says so. A call that fails so is told as a
/// <see cref="CallEvent"/>, except one that would have opened a node.
/// </summary>
/// <param name="Stamp">When.</param>
/// <param name="Faults">What goes wrong.</param>
/// <param name="Endpoint">The device that it is about; null for none.</param>
/// <param name="Path">Of an open(2) that fails, the path of the node.</param>
/// <param name="Errno">Of an open(2) that fails, its errno.</param>
public readonly record struct InjectEvent(
    EventStamp Stamp, InjectedFaults Faults, Endpoint? Endpoint, string? Path = null, int Errno = 0) : IMachineEvent
{
    /// <inheritdoc/>
    public static EventKinds Kind => EventKinds.Inject;

    /// <inheritdoc/>
    public void Tell(MachineObserver observer) => observer.OnInject(in this);
}
