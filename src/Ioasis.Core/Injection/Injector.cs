using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;

namespace Ioasis.Core.Injection;

/// <summary>
/// Decides what goes wrong in one machine. It is the opposite of a <see cref="MachineObserver"/>, which sees and
/// decides nothing. A machine has one or none from its making on, so a place that asks it costs one branch without one.
/// </summary>
/// <remarks>Several threads ask at once, some with locks of the machine held. So an injector answers soon and calls
/// nothing of the machine.</remarks>
public abstract class Injector
{
    /// <summary>What it may inject; the same each time.</summary>
    public abstract InjectedFaults Faults { get; }

    /// <summary>The observers of the machine, which are told of each injection. The machine sets them.</summary>
    public Observers? Observers { get; set; }

    /// <summary>Decides about a program's call, once for each.</summary>
    /// <param name="path">The path of the node.</param>
    /// <param name="call">The name of an ioctl, or <c>open</c>, <c>read</c>, <c>write</c>, <c>mmap</c>.</param>
    /// <returns>The errno with which it fails; 0 if it is to be served.</returns>
    public abstract int FailCall(string path, string call);

    /// <summary>Decides about one thing that happens, and tells the observers.</summary>
    /// <param name="possible">What can go wrong with it.</param>
    /// <param name="device">The device that it is about; null for none.</param>
    /// <param name="delay">How much longer it takes, if the answer has a fault that delays.</param>
    /// <returns>Those of <paramref name="possible"/> that happen.</returns>
    public InjectedFaults Decide(InjectedFaults possible, Endpoint? device, out TimeSpan delay)
    {
        delay = TimeSpan.Zero;
        possible &= Faults;
        if (possible == InjectedFaults.None) return InjectedFaults.None;
        InjectedFaults chosen = Choose(possible, device, ref delay);
        if (chosen != InjectedFaults.None && Observers is { } observers && observers.Want(EventKinds.Inject))
            observers.Tell(new InjectEvent(observers.Stamp(), chosen, device));
        return chosen;
    }

    /// <summary>The same for what cannot be delayed.</summary>
    /// <inheritdoc cref="Decide(InjectedFaults, Endpoint?, out TimeSpan)"/>
    public InjectedFaults Decide(InjectedFaults possible, Endpoint? device) => Decide(possible, device, out _);

    /// <summary>Decides about one thing that happens.</summary>
    /// <param name="possible">Some of <see cref="Faults"/>, at least one.</param>
    /// <param name="device">The device that it is about; null for none.</param>
    /// <param name="delay">Is set where the answer has a fault that delays.</param>
    /// <returns>Those of <paramref name="possible"/> that happen.</returns>
    protected abstract InjectedFaults Choose(InjectedFaults possible, Endpoint? device, ref TimeSpan delay);
}
