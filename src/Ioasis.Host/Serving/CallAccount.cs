using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Ioasis.Abi;

namespace Ioasis.Host.Serving;

/// <summary>
/// How often each call of each node was served, and with what result; and how many calls were stopped in all.
/// </summary>
internal sealed class CallAccount
{
    private readonly ConcurrentDictionary<(string Node, string Call, Errno Result), Counter> _served = new();
    private long _stopped;

    /// <summary>Notes that a call was stopped, ours or not: two switches to us and back, or thereabouts.</summary>
    public void NoteStopped() => Interlocked.Increment(ref _stopped);

    /// <summary>Notes a call that was served.</summary>
    public void Note(string node, string call, Errno result) =>
        Interlocked.Increment(ref _served.GetOrAdd((node, call, result), static _ => new Counter()).Value);

    /// <summary>The account as a table, by node and call.</summary>
    public override string ToString()
    {
        string[] titles = ["NODE", "CALL", "RESULT", "CALLS"];
        string[][] rows =
        [
            titles,
            .. _served.OrderBy(e => e.Key.Node, StringComparer.Ordinal)
                .ThenBy(e => e.Key.Call, StringComparer.Ordinal).ThenBy(e => e.Key.Result)
                .Select(e => new[] { e.Key.Node, e.Key.Call, e.Key.Result == Errno.None ? "ok" : $"{e.Key.Result}",
                    Number(e.Value.Value) }),
        ];
        int[] widths = [.. titles.Select((_, column) => rows.Max(row => row[column].Length))];
        var text = new StringBuilder();
        foreach (string[] row in rows)
            text.AppendLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        return text.Append("calls stopped, served or not: ")
            .AppendLine(Number(Interlocked.Read(ref _stopped))).ToString();
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private sealed class Counter
    {
        public long Value;
    }
}
