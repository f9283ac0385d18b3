using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Events;

namespace Ioasis.Diagnostics.Trace;

/// <summary>
/// Finds out to which process each line of a trace belongs: the one whose call it is, or whose call caused the event.
/// What a call causes comes before it, so lines wait for their call.
/// </summary>
/// <param name="write">Writes a line of a process; 0 for what no call caused, as most that devices do.</param>
internal sealed class LinesByProcess(Action<int, string> write)
{
    private readonly Dictionary<long, List<string>> _waiting = []; // by the number of their call

    /// <summary>Adds an event.</summary>
    /// <param name="e">The event.</param>
    /// <param name="line">Its line; null if it is not traced.</param>
    internal void Add(in KeptEvent e, string? line)
    {
        switch (e.Event)
        {
            case CallEvent { Call: var call }:
                if (_waiting.Remove(call.Number, out List<string>? caused))
                    foreach (string one in caused) write(call.Process, one);
                if (line is not null) write(call.Process, line);
                break;
            case OpenEvent open:
                if (line is not null) write(open.Process, line);
                break;
            default:
                if (line is null) break;
                if (e.Stamp.Call == 0) write(0, line);
                else if (_waiting.TryGetValue(e.Stamp.Call, out List<string>? others)) others.Add(line);
                else _waiting.Add(e.Stamp.Call, [line]);
                break;
        }
    }

    /// <summary>No call that lines wait for comes any more: at the end, or because events were lost.</summary>
    internal void GiveUp()
    {
        foreach (string line in _waiting.Values.SelectMany(lines => lines)) write(0, line);
        _waiting.Clear();
    }
}
