using System.Text.Json;
using Ioasis.Diagnostics.State;
using Ioasis.Machine;
using Ioasis.Replay.Calls;
using Ioasis.Replay.InProcess;

namespace Ioasis.Replay.Fuzz;

/// <summary>A machine of our own.</summary>
internal sealed class MachineTarget : IFuzzTarget
{
    private readonly Player _player;
    private readonly OpenNodes _nodes = new();
    private readonly StateReader _reader;
    private SoftwareMachine? _machine;

    internal MachineTarget()
    {
        _reader = new StateReader(_nodes);
        _player = new Player { MachineMade = Begin };
    }

    public string? Fresh { get; private set; }

    public string Play(Call call) => _player.Play(call);

    public string State()
    {
        MachineState state = Read();
        string[] vdpa = [.. _machine!.VdpaDevices.Select(d => d.Name)];
        return JsonSerializer.Serialize(state with
        {
            Contexts = [.. state.Contexts.Select(Seen).OfType<ContextState>()],
            Devices = [.. state.Devices.Select(d => vdpa.Contains(d.Device) ? d with { Attachments = [] } : d)],
            Groups = [.. state.Groups.Select(g => g.Devices.Any(vdpa.Contains) ? g with { Claims = 0 } : g)],
        });
    }

    public string All() => JsonSerializer.Serialize(Read());

    public void Close() => _player.Close();

    public void Dispose() => _player.Dispose();

    // A call that fails may change what no program sees, on Linux too: what is charged for tables goes in steps, and
    // the address spaces of a vDPA device are made, and attached, by the first message that needs one.
    private static ContextState? Seen(ContextState context)
    {
        if (context.Path != OpenNodes.Private) return context with { ChargedBytes = 0 };
        // One that fails to change a space may leave the copy that it was to be changed in.
        MapState[] maps = [.. context.Objects.SelectMany(o => o.Maps ?? []).Distinct().OrderBy(m => m.First)];
        return maps.Length == 0
            ? null
            : context with { ChargedBytes = 0, Objects = [new ObjectState(0, "ioas") { Maps = maps }] };
    }

    private MachineState Read() => _reader.Read(
        [
            .. _machine!.Devices.Select(d => new DeviceView($"{d.Requester}", d.Model, d.DriverName, d.Endpoint)),
            .. _machine.VdpaDevices.Select(d => new DeviceView(d.Name, "vdpa", null, d.Endpoint)),
        ], _machine.Units, _machine.Pasids.Count);

    private void Begin(SoftwareMachine machine)
    {
        _machine = machine;
        machine.Observers.Add(_nodes);
        Fresh = All();
    }
}
