using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Events;

namespace Ioasis.Diagnostics.Trace;

/// <summary>The lines of one trace, in the order in which they are asked for.</summary>
/// <param name="options">How they look.</param>
/// <param name="lines">Writes events as JSON.</param>
/// <param name="stacks">The lines of the stack of a call, by the call's number; null for no stacks.</param>
/// <exception cref="ArgumentException">The options name something that cannot be traced.</exception>
internal sealed class TraceLines(
    TraceOptions options, EventLines lines, Func<long, IReadOnlyList<string>?>? stacks = null)
{
    private const int ThreadWidth = 8;
    private const int FormVersion = 1;

    private readonly StringBuilder _text = new();
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly DateTime _startedAt = DateTime.Now;
    private long _before = Stopwatch.GetTimestamp();

    /// <summary>What is traced.</summary>
    public TraceFilter Filter { get; } = TraceFilter.TryRead(options.Words, out TraceFilter filter) is { } wrong
        ? throw new ArgumentException(wrong, nameof(options))
        : filter;

    /// <summary>The first line, without its end: the version of the form, and ours; null for text.</summary>
    public static string? HeaderOf(TraceOptions options) => options.Json
        ? JsonSerializer.Serialize(new { Ioasis = FormVersion, Version = OwnVersion.Full, Event = "begin" },
            DiagnosticsJson.Line)
        : null;

    /// <summary>The line for events that were lost.</summary>
    public string LineOfLost(long count) => options.Json
        ? Encoding.UTF8.GetString(EventLines.LineOfLost(count))
        : string.Create(CultureInfo.InvariantCulture, $"... {count} events were lost");

    /// <summary>The line for an event; null if it is not traced.</summary>
    public string? LineOf(in KeptEvent e)
    {
        _text.Clear();
        return TryAppend(_text, in e) ? _text.ToString() : null;
    }

    /// <summary>Appends the line for an event, without its end; false if it is not traced.</summary>
    internal bool TryAppend(StringBuilder text, in KeptEvent e)
    {
        NodeCall? call = e.Event is CallEvent told ? told.Call : null;
        if (call is not null)
        {
            if (!Filter.Has(call)) return false;
            if (options.Succeeded is { } succeeded && succeeded != call.Result >= 0) return false;
        }

        IReadOnlyList<string> stack = call is null ? [] : stacks?.Invoke(call.Number) ?? [];
        if (options.Json)
        {
            text.Append(WithStack(Encoding.UTF8.GetString(lines.LineOf(in e)), stack));
            return true;
        }

        if (options.WallTimes)
        {
            DateTime at = _startedAt + Stopwatch.GetElapsedTime(_started, e.Stamp.Timestamp);
            text.Append(CultureInfo.InvariantCulture, $"{at:HH:mm:ss.ffffff} ");
        }

        if (options.Times) AppendSeconds(text, _started, e.Stamp.Timestamp);
        if (options.RelativeTimes) AppendSeconds(text, _before, e.Stamp.Timestamp);
        _before = e.Stamp.Timestamp;
        if (call is null)
        {
            text.Append(' ', ThreadWidth);
            lines.Append(text, in e);
            return true;
        }

        int begin = text.Length;
        if (call.Thread != 0) text.Append(CultureInfo.InvariantCulture, $"{call.Thread}");
        text.Append(' ', Math.Max(ThreadWidth - (text.Length - begin), 1));
        CallText.Append(text, call);
        if (options.Durations)
        {
            double seconds = Stopwatch.GetElapsedTime(call.Began, e.Stamp.Timestamp).TotalSeconds;
            text.Append(CultureInfo.InvariantCulture, $" <{seconds:f6}>");
        }

        foreach (string frame in stack) text.AppendLine().Append(" > ").Append(frame);
        return true;
    }

    private static string WithStack(string line, IReadOnlyList<string> stack) => stack.Count == 0
        ? line
        : $"{line[..^1]},\"stack\":{JsonSerializer.Serialize(stack, DiagnosticsJson.Line)}}}";

    private static void AppendSeconds(StringBuilder text, long from, long to) =>
        text.Append(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(from, to).TotalSeconds,11:f6} ");
}
