using Ioasis.Core.Endpoints;
using Ioasis.Core.Injection;

namespace Ioasis.Devices.Slots;

/// <summary>What the machine's injector does to the device of a slot.</summary>
internal readonly struct SlotInjection
{
    private const InjectedFaults Interrupt = InjectedFaults.InterruptLost | InjectedFaults.InterruptDoubled,
        Doorbell = InjectedFaults.DeviceReset | InjectedFaults.DeviceGone;

    private readonly Injector? _injector;
    private readonly Endpoint? _endpoint;

    /// <summary>Finds the injector.</summary>
    /// <param name="master">The device, or the part of a device that the slot's model is.</param>
    internal SlotInjection(IBusMaster master)
    {
        _endpoint = master as Endpoint ?? (master as EndpointPart)?.Parent;
        _injector = _endpoint?.Unit.Injector;
    }

    /// <summary>The device raises an interrupt: how often it arrives.</summary>
    internal int Interrupts() => _injector?.Decide(Interrupt, _endpoint) switch
    {
        null or InjectedFaults.None => 1,
        { } chosen when (chosen & InjectedFaults.InterruptLost) != 0 => 0,
        _ => 2,
    };

    /// <summary>A driver wrote to a doorbell or a portal: what the device does instead of taking it.</summary>
    internal InjectedFaults AtDoorbell() => _injector?.Decide(Doorbell, _endpoint) ?? InjectedFaults.None;
}
