using System.Text;
using System.Text.Json;
using Ioasis.Core.Faults;
using Ioasis.Core.Observation;
using Ioasis.Core.Walks;
using Ioasis.Diagnostics;
using Ioasis.Diagnostics.Events;
using Ioasis.Diagnostics.State;
using Ioasis.Diagnostics.Trace;
using Ioasis.Machine;
using Ioasis.Memory;

namespace Ioasis.Host.Control;

/// <summary>Answers the user's questions about a machine that programs use. Questions change nothing.</summary>
internal sealed class ControlAnswers
{
    private const string NotChecked = "the program is not checked: it runs without --check";

    private readonly SoftwareMachine _machine;
    private readonly int _program;
    private readonly IReadOnlyList<string> _command;
    private readonly FindingList? _findings;
    private readonly DateTimeOffset _started = DateTimeOffset.UtcNow;
    private readonly OpenNodes _nodes = new();
    private readonly StateReader _state;
    private readonly RunsReader _runs;
    private readonly EventLines _lines;

    /// <summary>Begins to know what programs open.</summary>
    /// <param name="machine">The machine, before any program opened a node of it.</param>
    /// <param name="program">The program's process ID.</param>
    /// <param name="command">The program and its arguments.</param>
    /// <param name="findings">What the checks of the program find; null if it is not checked.</param>
    public ControlAnswers(
        SoftwareMachine machine, int program, IReadOnlyList<string> command, FindingList? findings = null)
    {
        (_machine, _program, _command, _findings) = (machine, program, command, findings);
        _state = new StateReader(_nodes);
        _runs = new RunsReader(_nodes);
        _lines = new EventLines(_nodes, machine.NameOf);
        machine.Observers.Add(_nodes);
    }

    /// <summary>Answers a line of JSON with a line of JSON. Never throws: an error becomes the answer.</summary>
    public byte[] Answer(ReadOnlyMemory<byte> line)
    {
        try
        {
            return AnswerTo(line);
        }
        catch (Exception e)
        {
            return Refuse(e.Message);
        }
    }

    /// <summary>
    /// Begins what a line of JSON subscribes to; null if it is another question, or one that <see cref="Answer"/>
    /// refuses.
    /// </summary>
    public IControlStream? Subscribe(ReadOnlyMemory<byte> line)
    {
        try
        {
            if (Read(line) is not { Verb: "subscribe" } request) return null;
            if (request.Kinds == "faults") return new FaultStream(_machine);
            if (request.Kinds == "changes")
                return new ChangeStream(new MachineChanges(_machine.Observers, _nodes, _lines, BusyEngines));
            if (request.Kinds == "findings") return _findings is null ? null : new FindingStream(_findings);
            if (request.Trace is { } trace)
                return TraceFilter.TryRead(trace.Words, out _) is null ? StreamOf(new TraceLines(trace, _lines)) : null;
            return EventNames.TryRead(request.Kinds, out EventKinds kinds) is null
                ? new EventStream(_machine, kinds, e => _lines.LineOf(e), EventLines.LineOfLost)
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The newest faults of all units.</summary>
    internal static IReadOnlyList<ControlFault> FaultsOf(SoftwareMachine machine) =>
        [.. machine.Units.SelectMany(u => u.Faults.Snapshot().Select(f => Tell(u.Name, f)))];

    private static ControlRequest? Read(ReadOnlyMemory<byte> line) =>
        line.IsEmpty ? null : JsonSerializer.Deserialize<ControlRequest>(line.Span);

    private static byte[] Refuse(string why) => JsonSerializer.SerializeToUtf8Bytes(new ControlAnswer(why));

    private static byte[] Tell<T>(T? answer, string? wrong) => answer is null
        ? Refuse(wrong ?? "there is no answer")
        : JsonSerializer.SerializeToUtf8Bytes(answer, DiagnosticsJson.Line);

    private byte[] AnswerTo(ReadOnlyMemory<byte> line)
    {
        if (Read(line) is not { } request) return Refuse("missing question");
        return request.Verb switch
        {
            "walk" => JsonSerializer.SerializeToUtf8Bytes(Walk(request)),
            "faults" => JsonSerializer.SerializeToUtf8Bytes(new ControlAnswer(Faults: FaultsOf(_machine))),
            "findings" => JsonSerializer.SerializeToUtf8Bytes(new ControlAnswer(Findings: _findings?.All)),
            "state" => JsonSerializer.SerializeToUtf8Bytes(State(), DiagnosticsJson.Line),
            "maps" => Tell(_runs.ReadMaps(request.Context, request.Object, request.First, request.Last, request.Most,
                out string? wrong), wrong),
            "dirty" => Tell(_runs.ReadDirty(request.Context, request.Object, request.First, request.Last,
                request.Most, out string? wrong), wrong),
            "version" => JsonSerializer.SerializeToUtf8Bytes(
                new ProgramVersion(OwnVersion.Full, _program, Environment.ProcessId, _started, _command),
                DiagnosticsJson.Line),
            "subscribe" when request.Trace is { } trace =>
                Refuse(TraceFilter.TryRead(trace.Words, out _) ?? "nothing is traced"),
            "subscribe" when request.Kinds == "findings" => Refuse(NotChecked),
            "subscribe" => Refuse($"\"{EventNames.TryRead(request.Kinds, out _)}\" is no kind of event; "
                + $"expected some of: {string.Join(", ", EventNames.All)}"),
            _ => Refuse($"\"{request.Verb}\" is not known"),
        };
    }

    private EventStream StreamOf(TraceLines lines) => new(
        _machine, lines.Filter.Kinds, e => lines.LineOf(e) is { } line ? Encoding.UTF8.GetBytes(line) : null,
        lost => Encoding.UTF8.GetBytes(lines.LineOfLost(lost)));

    private MachineState State() => _state.Read(
        [
            .. _machine.Devices.Select(d => new DeviceView(
                d.Requester.ToString(), d.Model, d.DriverName, d.Endpoint, d.Engines)),
            .. _machine.VdpaDevices.Select(d => new DeviceView(
                d.Name, "vdpa", d.Node is null ? null : "vhost_vdpa", d.Endpoint, d.Engines)),
        ],
        _machine.Units, _machine.Pasids.Count,
        _machine.Mdevs.Select(m => new MdevView(m.Uuid, m.Type, m.Parent, m.IsBound ? m.VfioNode : null, m.Group,
            m.Part, m.Access, m.Engines)),
        [
            .. _machine.VdpaDevices.Select(d => new VdpaState(
                d.Name, d.DeviceId, d.Node, d.Status, d.Function.Queues.Count)),
        ]);

    // Another number when other engines are busy.
    private int BusyEngines()
    {
        var busy = new HashCode();
        foreach ((string _, bool isBusy) in _machine.Devices.SelectMany(d => d.Engines)
            .Concat(_machine.VdpaDevices.SelectMany(d => d.Engines)).Concat(_machine.Mdevs.SelectMany(m => m.Engines)))
            busy.Add(isBusy);
        return busy.ToHashCode();
    }

    private ControlAnswer Walk(ControlRequest request)
    {
        if (request.Pasid > Pasid.MaxValue)
            return new ControlAnswer($"{request.Pasid} is not a PASID; the largest is {Pasid.MaxValue}");
        Pasid? pasid = request.Pasid is { } value ? new Pasid(value) : null;
        if (Guid.TryParseExact(request.Device, "D", out Guid uuid)) return WalkMdev(uuid, pasid, request);
        var address = new Iova(request.Address);
        if (_machine.VdpaDevices.FirstOrDefault(d => d.Name == request.Device) is { } vdpa)
            return Tell(vdpa.Walk(pasid, address, request.Write));
        if (_machine.Devices.FirstOrDefault(d => d.Requester.ToString() == request.Device) is not { } device)
        {
            IEnumerable<string> devices = [
                .. _machine.Devices.Select(d => d.Requester.ToString()), .. _machine.VdpaDevices.Select(d => d.Name)];
            return new ControlAnswer(
                $"there is no device {request.Device}; expected one of: {string.Join(", ", devices)}");
        }

        return Tell(TranslationWalk.Of(device.Endpoint, pasid, address, request.Write));
    }

    private ControlAnswer WalkMdev(Guid uuid, Pasid? pasid, ControlRequest request)
    {
        if (_machine.Mdevs.FirstOrDefault(m => m.Uuid == uuid) is not { } mdev)
            return new ControlAnswer($"there is no mdev {uuid}; "
                + (_machine.Mdevs.Count == 0
                    ? "there are none"
                    : $"expected one of: {string.Join(", ", _machine.Mdevs.Select(m => m.Uuid))}"));
        return Tell(mdev.Walk(pasid, new Iova(request.Address), request.Write));
    }

    private static ControlAnswer Tell(TranslationWalk walk) => new(Steps: walk.Steps, Reason: walk.Reason);

    private static ControlFault Tell(string unit, FaultRecord fault) =>
        new(unit, fault.Sequence, fault.Device.ToString(), fault.Pasid?.Value, fault.Iova.Value, fault.IsWrite,
            fault.Reason, fault.Code);
}
