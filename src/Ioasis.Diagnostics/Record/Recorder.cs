using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Events;
using Ioasis.Diagnostics.State;
using Ioasis.Iommufd.Files;

namespace Ioasis.Diagnostics.Record;

/// <summary>
/// Writes a recording of what happens in a machine: a line of JSON for the machine, then one for each call and event.
/// As with a trace, a thread of its own writes. If it is too slow, events are lost, and a line says how many.
/// </summary>
internal sealed class Recorder : IDisposable
{
    /// <summary>The version of the format.</summary>
    public const int Version = 1;

    private static readonly JsonSerializerOptions s_line = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly Observers _observers;
    private readonly TextWriter _output;
    private readonly Func<string, string?>? _deviceOf;
    private readonly OpenNodes _nodes = new();
    private readonly EventLines _events;
    private readonly RecordLines _lines = new(new RecordSymbols());
    private readonly EventThread _thread;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly ConcurrentDictionary<long, IReadOnlyDictionary<ulong, byte[]>> _changed = [];
    private readonly Observer? _observer;

    /// <summary>Begins to record.</summary>
    /// <param name="observers">The machine's observers.</param>
    /// <param name="nameOf">What the machine calls a device.</param>
    /// <param name="machine">The machine, as the first line has it.</param>
    /// <param name="withMemory">Whether the pages that calls map are recorded, not only their hash.</param>
    /// <param name="output">Where the recording is written. The caller disposes of it, after this.</param>
    /// <param name="deviceOf">The address of the function that the node of a path is of; null for none.</param>
    /// <exception cref="IOException">The host has no thread to give, or the output cannot be written.</exception>
    public Recorder(Observers observers, Func<Endpoint, string> nameOf, JsonObject machine, bool withMemory,
        TextWriter output, Func<string, string?>? deviceOf = null)
    {
        ArgumentNullException.ThrowIfNull(observers);
        ArgumentNullException.ThrowIfNull(output);
        (_observers, _output, _deviceOf) = (observers, output, deviceOf);
        _events = new EventLines(_nodes, nameOf);
        EventKinds pages = withMemory ? EventKinds.CallPages : EventKinds.None;
        output.WriteLine(TextOf(HeaderOf(machine, withMemory)));
        _thread = new EventThread(
            observers, _nodes, EventKinds.All | EventKinds.CallData | pages, "the recording", Write);
        if (withMemory) observers.Add(_observer = new Observer(_changed));
    }

    /// <summary>A line as text.</summary>
    public static string TextOf(JsonObject line)
    {
        ArgumentNullException.ThrowIfNull(line);
        return line.ToJsonString(s_line);
    }

    /// <summary>The first line of a recording.</summary>
    public static JsonObject HeaderOf(JsonObject machine, bool withMemory) => new()
    {
        ["recording"] = Version,
        ["ioasis"] = OwnVersion.Full,
        ["memory"] = withMemory ? "pages" : "hash",
        ["machine"] = machine,
    };

    /// <summary>Writes what there still is, and ends.</summary>
    public void Dispose()
    {
        if (_observer is not null) _observers.Remove(_observer);
        _thread.Dispose();
    }

    private void Write(IReadOnlyList<KeptEvent> taken, long lost, bool isLast)
    {
        if (lost != 0) _output.WriteLine(TextOf(new JsonObject { ["event"] = "lost", ["count"] = lost }));
        foreach (KeptEvent e in taken)
            if (!IsOfSysfs(e)) _output.WriteLine(TextOf(LineOf(e)));
        _output.Flush();
    }

    // A replay makes calls on nodes only.
    private static bool IsOfSysfs(KeptEvent e) =>
        e.Event is CallEvent { Call.Path: var path } && path.StartsWith("/sys/", StringComparison.Ordinal);

    private JsonObject LineOf(in KeptEvent e)
    {
        JsonObject body = e.Event switch
        {
            CallEvent call => _lines.Called(call.Call, e.Stamp.Timestamp),
            OpenEvent open => _lines.Opened(open.Path, open.File, _deviceOf?.Invoke(open.Path)),
            CloseEvent close => _lines.Closed(close.File),
            _ => JsonNode.Parse(_events.LineOf(in e))!.AsObject(),
        };
        var line = new JsonObject { ["seq"] = e.Stamp.Sequence };
        double seconds = Stopwatch.GetElapsedTime(_started, e.Stamp.Timestamp).TotalSeconds;
        line["time"] = Math.Round(seconds, 6);
        if (e.Event is OpenEvent && e.Stamp.Call != 0) line["by_call"] = true;
        RecordLines.Append(line, body);
        if (_changed.TryRemove(e.Stamp.Sequence, out IReadOnlyDictionary<ulong, byte[]>? pages) && pages.Count != 0)
            line["pages"] = RecordLines.PagesOf(pages);
        if (e.Event is CallEvent answered)
        {
            double took = Stopwatch.GetElapsedTime(answered.Call.Began, e.Stamp.Timestamp).TotalSeconds;
            line["took"] = Math.Round(took, 6);
        }

        return line;
    }

    /// <summary>Reads what changed in a program's memory before its store to a doorbell starts a device.</summary>
    private sealed class Observer(ConcurrentDictionary<long, IReadOnlyDictionary<ulong, byte[]>> changed)
        : MachineObserver
    {
        private readonly ConcurrentDictionary<object, bool> _spaces = [];

        public override EventKinds Kinds => EventKinds.Call | EventKinds.Doorbell;

        internal override void OnCall(in CallEvent e)
        {
            if (e.Call.Data?.Hash is not null) _spaces.TryAdd(e.Call.Data.Space, true);
        }

        public override void OnDoorbell(in DoorbellEvent e)
        {
            if (e.Stamp.Call != 0) return;
            var pages = new Dictionary<ulong, byte[]>();
            foreach (object space in _spaces.Keys)
                foreach ((ulong address, byte[] page) in MappedReader.ReadChanged(space)) pages[address] = page;
            changed[e.Stamp.Sequence] = pages;
        }
    }
}
