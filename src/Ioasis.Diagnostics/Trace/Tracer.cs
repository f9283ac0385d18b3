using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Events;
using Ioasis.Diagnostics.State;
using Ioasis.Memory.Threads;

namespace Ioasis.Diagnostics.Trace;

/// <summary>
/// Writes what happens in a machine, from its making to its disposal, as lines of text or JSON. A thread of its own
/// writes, so that no program waits for it; where it is too slow, events are lost, and the trace says how many.
/// </summary>
public sealed class Tracer : IDisposable
{
    private const int Capacity = 1 << 17;
    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(1);

    private readonly Observers _observers;
    private readonly TraceOptions _options;
    private readonly TextWriter _output;
    private readonly OpenNodes _nodes = new();
    private readonly EventRing _ring;
    private readonly EventLines _lines;
    private readonly Thread _thread;
    private readonly long _started = Stopwatch.GetTimestamp();
    private long _before;
    private bool _hasFailed;

    /// <summary>Begins to trace.</summary>
    /// <param name="observers">The machine's observers.</param>
    /// <param name="nameOf">What the machine calls a device.</param>
    /// <param name="options">What is traced.</param>
    /// <param name="output">Where it is written. The caller disposes of it, after this.</param>
    /// <exception cref="IOException">The host has no thread to give.</exception>
    public Tracer(Observers observers, Func<Endpoint, string> nameOf, TraceOptions options, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(observers);
        ArgumentNullException.ThrowIfNull(options);
        (_observers, _options, _output, _before) = (observers, options, output, _started);
        _ring = new EventRing(options.Filter.Kinds, Capacity);
        _lines = new EventLines(_nodes, nameOf);
        _thread = HostThread.Start("ioasis trace", Write);
        observers.Add(_nodes);
        observers.Add(_ring);
    }

    /// <summary>Writes what there still is, and ends.</summary>
    public void Dispose()
    {
        _observers.Remove(_ring);
        _observers.Remove(_nodes);
        _ring.Close();
        _thread.Join();
    }

    private void Write()
    {
        List<KeptEvent> taken = [];
        for (bool goesOn = true; goesOn; taken.Clear())
        {
            goesOn = _ring.Take(s_look, taken, out long lost);
            if (_hasFailed) continue;
            try
            {
                if (lost != 0) _output.WriteLine(LineOfLost(lost));
                foreach (KeptEvent e in taken)
                    if (LineOf(e) is { } line) _output.WriteLine(line);
                _output.Flush();
            }
            catch (IOException e)
            {
                // The program goes on without a trace.
                _hasFailed = true;
                HostMessages.Tell($"the trace ends: {e.Message}");
            }
        }
    }

    private string LineOfLost(long count) => _options.Json
        ? Encoding.UTF8.GetString(EventLines.LineOfLost(count))
        : string.Create(CultureInfo.InvariantCulture, $"... {count} events were lost");

    private string? LineOf(KeptEvent e)
    {
        NodeCall? call = (e.Event as CallEvent?)?.Call;
        if (call is not null)
        {
            if (!_options.Filter.Has(call)) return null;
            if (_options.Succeeded is { } succeeded && succeeded != call.Result >= 0) return null;
        }

        if (_options.Json) return Encoding.UTF8.GetString(_lines.LineOf(in e));
        var text = new StringBuilder();
        if (_options.Times) AppendSeconds(text, _started, e.Stamp.Timestamp);
        if (_options.RelativeTimes) AppendSeconds(text, _before, e.Stamp.Timestamp);
        _before = e.Stamp.Timestamp;
        string thread = call is { Thread: not 0 } ? call.Thread.ToString(CultureInfo.InvariantCulture) : "";
        text.Append(CultureInfo.InvariantCulture, $"{thread,-7} ");
        text.Append(call is not null ? CallText.Of(call) : TextOf(_lines.LineOf(in e)));
        if (call is not null && _options.Durations)
        {
            double seconds = Stopwatch.GetElapsedTime(call.Began, e.Stamp.Timestamp).TotalSeconds;
            text.Append(CultureInfo.InvariantCulture, $" <{seconds:f6}>");
        }

        return text.ToString();
    }

    private static void AppendSeconds(StringBuilder text, long from, long to) =>
        text.Append(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(from, to).TotalSeconds,11:f6} ");

    /// <summary>An event of the machine: its name, then what its line of JSON says.</summary>
    private static string TextOf(byte[] line)
    {
        using JsonDocument json = JsonDocument.Parse(line);
        string name = json.RootElement.GetProperty("event").GetString()!;
        IEnumerable<string> words = json.RootElement.EnumerateObject()
            .Where(p => p.Name is not ("seq" or "time" or "event")).Select(p => $"{p.Name}={p.Value}");
        return $"{name} {string.Join(' ', words)}".TrimEnd();
    }
}
