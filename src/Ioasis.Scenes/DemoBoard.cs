using Ioasis.Client;
using Ioasis.Core.Units;
using Ioasis.Machine;

namespace Ioasis.Scenes;

/// <summary>
/// The part of a machine that a demo uses: a device of one model with bus mastering enabled, bound to a context of its
/// own.
/// </summary>
internal sealed class DemoBoard : IDisposable
{
    /// <summary>Opens the first device of a model.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="model">The model.</param>
    /// <param name="capabilities">The capabilities of the process that opens it.</param>
    /// <exception cref="InvalidOperationException">The machine has no such device.</exception>
    internal DemoBoard(SoftwareMachine machine, string model, params int[] capabilities)
    {
        Model = machine.Devices.FirstOrDefault(d => d.Model == model)
            ?? throw new InvalidOperationException($"The machine has no {model}.");
        Unit = machine.Units.First(u => u.Name == Model.Unit);
        Nodes = NodeTransport.InProcess(machine, capabilities);
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
