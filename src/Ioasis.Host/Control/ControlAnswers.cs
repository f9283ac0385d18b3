using System.Reflection;
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
    private readonly SoftwareMachine _machine;
    private readonly int _program;
    private readonly IReadOnlyList<string> _command;
    private readonly DateTimeOffset _started = DateTimeOffset.UtcNow;
    private readonly OpenNodes _nodes = new();
    private readonly StateReader _state;
    private readonly EventLines _lines;

    /// <summary>Begins to know what programs open.</summary>
    /// <param name="machine">The machine, before any program opened a node of it.</param>
    /// <param name="program">The program's process ID.</param>
    /// <param name="command">The program and its arguments.</param>
    public ControlAnswers(SoftwareMachine machine, int program, IReadOnlyList<string> command)
    {
        (_machine, _program, _command) = (machine, program, command);
        _state = new StateReader(_nodes);
        _lines = new EventLines(_nodes, machine.NameOf);
        machine.Observers.Add(_nodes);
    }

    private static string VersionOfOurs => typeof(ControlAnswers).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

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

    private byte[] AnswerTo(ReadOnlyMemory<byte> line)
    {
        if (Read(line) is not { } request) return Refuse("missing question");
        return request.Verb switch
        {
            "walk" => JsonSerializer.SerializeToUtf8Bytes(Walk(request)),
            "faults" => JsonSerializer.SerializeToUtf8Bytes(new ControlAnswer(Faults: FaultsOf(_machine))),
            "state" => JsonSerializer.SerializeToUtf8Bytes(State(), DiagnosticsJson.Line),
            "version" => JsonSerializer.SerializeToUtf8Bytes(
                new ProgramVersion(VersionOfOurs, _program, Environment.ProcessId, _started, _command),
                DiagnosticsJson.Line),
            "subscribe" when request.Trace is { } trace =>
                Refuse(TraceFilter.TryRead(trace.Words, out _) ?? "nothing is traced"),
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
            .. _machine.Devices.Select(d => new DeviceView(d.Requester.ToString(), d.Model, d.DriverName, d.Endpoint)),
            .. _machine.VdpaDevices.Select(d => new DeviceView(
                d.Name, "vdpa", d.Node is null ? null : "vhost_vdpa", d.Endpoint)),
        ],
        _machine.Units, _machine.Pasids.Count);

    private ControlAnswer Walk(ControlRequest request)
    {
        if (request.Pasid > Pasid.MaxValue)
            return new ControlAnswer($"{request.Pasid} is not a PASID; the largest is {Pasid.MaxValue}");
        Pasid? pasid = request.Pasid is { } value ? new Pasid(value) : null;
        if (Guid.TryParseExact(request.Device, "D", out Guid uuid)) return WalkMdev(uuid, pasid, request);
        if (_machine.Devices.FirstOrDefault(d => d.Requester.ToString() == request.Device) is not { } device)
            return new ControlAnswer($"there is no device {request.Device}; "
                + $"expected one of: {string.Join(", ", _machine.Devices.Select(d => d.Requester))}");
        TranslationWalk walk = TranslationWalk.Of(device.Endpoint, pasid, new Iova(request.Address), request.Write);
        return new ControlAnswer(Steps: walk.Steps, Reason: walk.Reason);
    }

    private ControlAnswer WalkMdev(Guid uuid, Pasid? pasid, ControlRequest request)
    {
        if (_machine.Mdevs.FirstOrDefault(m => m.Uuid == uuid) is not { } mdev)
            return new ControlAnswer($"there is no mdev {uuid}; "
                + (_machine.Mdevs.Count == 0
                    ? "there are none"
                    : $"expected one of: {string.Join(", ", _machine.Mdevs.Select(m => m.Uuid))}"));
        TranslationWalk walk = mdev.Walk(pasid, new Iova(request.Address), request.Write);
        return new ControlAnswer(Steps: walk.Steps, Reason: walk.Reason);
    }

    private static ControlFault Tell(string unit, FaultRecord fault) =>
        new(unit, fault.Sequence, fault.Device.ToString(), fault.Pasid?.Value, fault.Iova.Value, fault.IsWrite,
            fault.Reason, fault.Code);
}
