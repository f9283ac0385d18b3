using Ioasis.Core.Faults;
using Ioasis.Core.Observation;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Machine;

/// <content>What .NET programs expect of a machine: a builder, an event, and a disposal that does not block.</content>
public sealed partial class SoftwareMachine : IAsyncDisposable
{
    private readonly Lazy<FaultWatch> _faultWatch;

    /// <summary>
    /// Raised when an access of a device is refused, on the thread of the device, which waits meanwhile. A handler that
    /// throws gets no further faults.
    /// </summary>
    public event EventHandler<MachineFaultEventArgs>? Faulted
    {
        add => _faultWatch.Value.Faulted += value;
        remove => _faultWatch.Value.Faulted -= value;
    }

    /// <summary>Begins a machine with one VT-d unit and no devices.</summary>
    public static MachineBuilder Create() => new();

    /// <summary>As <see cref="Dispose"/>, on a thread of the pool: the end of DMA that is under way can take
    /// time.</summary>
    public ValueTask DisposeAsync() => new(Task.Run(Dispose));

    /// <summary>Raises the event.</summary>
    private sealed class FaultWatch(SoftwareMachine machine) : MachineObserver
    {
        internal event EventHandler<MachineFaultEventArgs>? Faulted;

        public override EventKinds Kinds => EventKinds.Fault;

        public override void OnFault(in FaultEvent e) =>
            Faulted?.Invoke(machine, new MachineFaultEventArgs(machine.NameOf(e.Endpoint), e.Fault));
    }
}

/// <summary>An access of a device that was refused.</summary>
/// <param name="device">What the machine calls the device.</param>
/// <param name="fault">The access, and why it was refused.</param>
public sealed class MachineFaultEventArgs(string device, DmaFault fault) : EventArgs
{
    /// <summary>What the machine calls the device: the name of a vDPA device, else its address.</summary>
    public string Device { get; } = device;

    /// <summary>The access, and why it was refused.</summary>
    public DmaFault Fault { get; } = fault;

    /// <summary>The address.</summary>
    public Iova Address => Fault.Iova;

    /// <summary>Why it was refused.</summary>
    public FaultReason Reason => Fault.Reason;

    /// <summary>The fault in a line, as <c>ioasis faults</c> shows it.</summary>
    public override string ToString() =>
        $"{Device} {(Fault.IsWrite ? "write" : "read")} 0x{Address.Value:x16}: {Reason}";
}
