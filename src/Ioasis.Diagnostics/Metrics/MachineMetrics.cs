using System.Diagnostics.Metrics;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Core.Pasids;

namespace Ioasis.Diagnostics.Metrics;

/// <summary>
/// Gives a machine's metrics, as the Meter <see cref="Name"/>, and a span for each call of its programs, by the
/// ActivitySource of the same name, until it is disposed. docs/metrics.md lists the instruments. A machine without one
/// pays nothing.
/// </summary>
/// <remarks>
/// What programs have now (mappings, files, pins, PASIDs) is read when a listener asks. What happens (calls, faults,
/// bytes of DMA) is counted from the time at which this is made.
/// </remarks>
public sealed class MachineMetrics : IDisposable
{
    /// <summary>The name of the Meter and of the ActivitySource.</summary>
    public const string Name = "Ioasis";

    private readonly Observers _observers;
    private readonly MetricsObserver _observer;

    /// <summary>Turns a machine's metrics on.</summary>
    /// <param name="observers">The machine's observers.</param>
    /// <param name="pasids">Its PASIDs.</param>
    /// <param name="devices">The devices that it has at the time of the call.</param>
    public MachineMetrics(Observers observers, PasidSpace pasids, Func<IEnumerable<Endpoint>> devices)
    {
        ArgumentNullException.ThrowIfNull(observers);
        ArgumentNullException.ThrowIfNull(pasids);
        ArgumentNullException.ThrowIfNull(devices);
        _observers = observers;
        Meter = new Meter(Name, OwnVersion.Full);
        CurrentValues.AddTo(Meter, observers, pasids, devices);
        AccessValues.AddTo(Meter, observers);
        _observer = new MetricsObserver(Meter);
        observers.Add(_observer);
    }

    /// <summary>The Meter of this machine.</summary>
    internal Meter Meter { get; }

    /// <summary>Ends them. What a listener has not read by now it does not get.</summary>
    public void Dispose()
    {
        _observers.Remove(_observer);
        Meter.Dispose();
    }
}
