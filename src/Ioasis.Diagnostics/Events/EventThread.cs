using Ioasis.Core.Observation;
using Ioasis.Diagnostics.State;
using Ioasis.Memory.Threads;

namespace Ioasis.Diagnostics.Events;

/// <summary>
/// Writes the events of a machine, from its making to its disposal. A thread of its own writes, so that no program
/// waits for it; where it is too slow, events are lost. If what it writes to fails, a message says so, and nothing more
/// is written.
/// </summary>
internal sealed class EventThread : IDisposable
{
    private const int Capacity = 1 << 17;
    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(1), s_gather = TimeSpan.FromMilliseconds(5);

    private readonly Observers _observers;
    private readonly OpenNodes _nodes;
    private readonly EventRing _ring;
    private readonly string _what;
    private readonly WriteEvents _write;
    private readonly Thread _thread;
    private bool _hasFailed;

    /// <summary>Begins.</summary>
    /// <param name="observers">The machine's observers.</param>
    /// <param name="nodes">Is told of open files before the events are kept.</param>
    /// <param name="kinds">The kinds of event that are written.</param>
    /// <param name="what">What is written, for the message.</param>
    /// <param name="write">Writes events.</param>
    /// <exception cref="IOException">The host has no thread to give.</exception>
    internal EventThread(
        Observers observers, OpenNodes nodes, EventKinds kinds, string what, WriteEvents write)
    {
        (_observers, _nodes, _what, _write) = (observers, nodes, what, write);
        _ring = new EventRing(kinds, Capacity);
        _thread = HostThread.Start("ioasis trace", Write);
        observers.Add(nodes);
        observers.Add(_ring);
    }

    /// <summary>Writes some events.</summary>
    /// <param name="events">The events, in their order.</param>
    /// <param name="lost">How many were lost before the first of them.</param>
    /// <param name="isLast">Whether nothing more will come.</param>
    internal delegate void WriteEvents(IReadOnlyList<KeptEvent> events, long lost, bool isLast);

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
            goesOn = _ring.Take(s_look, taken, out long lost, s_gather);
            if (_hasFailed) continue;
            try
            {
                _write(taken, lost, !goesOn);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The program goes on without it.
                _hasFailed = true;
                HostMessages.Tell($"{_what} ends: {e.Message}");
            }
        }
    }
}
