using System.Globalization;
using System.Text.Json.Nodes;

namespace Ioasis.Diagnostics.Record;

/// <summary>
/// A recording, or a trace in JSON, as a trace that Perfetto shows: a track for each thread of the program, each device
/// and each PASID. A flow leads from a doorbell to what the device does next, up to its interrupt.
/// </summary>
/// <remarks>The numbers of fields are those of Perfetto's trace_packet.proto and track_event.proto.</remarks>
internal sealed class PerfettoTrace
{
    private const ulong ProgramTrack = 1, Sequence = 1;

    private readonly Stream _output;
    private readonly Dictionary<string, ulong> _tracks = [];
    private readonly Dictionary<string, ulong> _flows = [];
    private ulong _lastTrack = ProgramTrack;
    private ulong _lastFlow;

    private PerfettoTrace(Stream output) => _output = output;

    /// <summary>Writes the trace of some lines.</summary>
    /// <param name="lines">The lines, without the first of a recording.</param>
    /// <param name="output">Where the trace is written.</param>
    public static void Write(IEnumerable<JsonObject> lines, Stream output)
    {
        ArgumentNullException.ThrowIfNull(lines);
        ArgumentNullException.ThrowIfNull(output);
        var trace = new PerfettoTrace(output);
        trace.WriteTrack(ProgramTrack, "program", parent: null, isFirst: true);
        foreach (JsonObject line in lines) trace.Write(line);
    }

    private void Write(JsonObject line)
    {
        if (line["time"] is null) return; // a line that tells of lost events
        ulong time = Nanoseconds(line["time"]);
        string name = (string?)line["event"] ?? "";
        if (name == "call")
        {
            ulong took = Nanoseconds(line["took"]), track = TrackOf($"thread {line["thread"]}");
            Write(Packet(time - Math.Min(took, time), Event(1, track).Text(23, CallName(line))
                .Text(22, "call"), line));
            Write(Packet(time, Event(2, track), null));
            return;
        }

        string owner = line["pasid"] is { } pasid ? $"PASID {pasid}"
            : (string?)line["device"] is { } device ? $"device {device}" : "machine";
        ProtobufWriter instant = Event(3, TrackOf(owner)).Text(23, name).Text(22, "event");
        AddFlow(instant, name, (string?)line["device"]);
        Write(Packet(time, instant, line));
    }

    /// <summary>A doorbell begins a flow; an interrupt ends it; what the device does meanwhile belongs to it.</summary>
    private void AddFlow(ProtobufWriter instant, string name, string? device)
    {
        const int FlowIds = 47, TerminatingFlowIds = 48;
        if (device is null) return;
        if (name == "doorbell") _flows[device] = ++_lastFlow;
        if (!_flows.TryGetValue(device, out ulong flow)) return;
        if (name is "irq" or "reset")
        {
            instant.Fixed(TerminatingFlowIds, flow);
            _flows.Remove(device);
        }
        else if (name is "doorbell" or "io_page_fault" or "page_request" or "page_response" or "dma")
        {
            instant.Fixed(FlowIds, flow);
        }
    }

    private ulong TrackOf(string name)
    {
        if (_tracks.TryGetValue(name, out ulong track)) return track;
        _tracks[name] = track = ++_lastTrack;
        WriteTrack(track, name, ProgramTrack, isFirst: false);
        return track;
    }

    private void WriteTrack(ulong track, string name, ulong? parent, bool isFirst)
    {
        ProtobufWriter descriptor = new ProtobufWriter().Number(1, track).Text(2, name);
        if (parent is { } above) descriptor.Number(5, above);
        ProtobufWriter packet = new ProtobufWriter().Number(10, Sequence).Message(60, descriptor);
        if (isFirst) packet.Number(13, 1); // incremental state was cleared
        Write(packet);
    }

    /// <summary>An event: its type (1 begins a slice, 2 ends one, 3 is an instant) and its track.</summary>
    private static ProtobufWriter Event(ulong type, ulong track) =>
        new ProtobufWriter().Number(9, type).Number(11, track);

    private static ProtobufWriter Packet(ulong time, ProtobufWriter trackEvent, JsonObject? arguments)
    {
        foreach ((string key, JsonNode? value) in arguments ?? [])
        {
            if (key is "seq" or "time" or "event" or "thread" or "took" or "pages" || value is null) continue;
            string text = value is JsonValue ? value.ToString() : value.ToJsonString();
            trackEvent.Message(4, new ProtobufWriter().Text(10, key).Text(6, text));
        }

        return new ProtobufWriter().Number(8, time).Number(10, Sequence).Message(11, trackEvent);
    }

    private void Write(ProtobufWriter packet) => _output.Write(new ProtobufWriter().Message(1, packet).Written);

    private static string CallName(JsonObject line) => (string?)line["request"] ?? (string?)line["call"] ?? "call";

    private static ulong Nanoseconds(JsonNode? seconds) =>
        (ulong)(Convert.ToDouble(seconds?.ToString() ?? "0", CultureInfo.InvariantCulture) * 1e9);
}
