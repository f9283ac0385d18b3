using Ioasis.Client;
using Ioasis.Core.Units;
using Ioasis.Machine;

namespace Ioasis.Cli.Demo;

/// <summary>
/// The part of a machine that a demo uses: a device of one model with bus mastering enabled, bound to a context of its
/// own.
/// </summary>
internal sealed class DemoBoard : IDisposable
{
    /// <summary>Opens the first device of a model.</summary>
    /// <exception cref="InvalidOperationException">The machine has no such device.</exception>
    internal DemoBoard(SoftwareMachine machine, string model)
    {
        Model = machine.Devices.FirstOrDefault(d => d.Model == model)
            ?? throw new InvalidOperationException($"The machine has no {model}.");
        Unit = machine.Units.First(u => u.Name == Model.Unit);
        Nodes = NodeTransport.InProcess(machine);
        Context = IommuContext.Open(Nodes);
        Device = VfioDevice.Open(Nodes, Model.Requester);
        Device.Bind(Context);
        Device.EnableBusMaster();
    }

    /// <summary>The device as the machine knows it.</summary>
    internal MachineDevice Model { get; }

    /// <summary>The unit that translates for it.</summary>
    internal IommuUnit Unit { get; }

    internal NodeTransport Nodes { get; }

    internal IommuContext Context { get; }

    /// <summary>The device as its driver knows it.</summary>
    internal VfioDevice Device { get; }

    public void Dispose()
    {
        Device.Dispose();
        Context.Dispose();
        Nodes.Dispose();
    }
}
