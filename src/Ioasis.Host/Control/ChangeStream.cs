using System.Diagnostics;
using Ioasis.Diagnostics.Events;

namespace Ioasis.Host.Control;

/// <summary>
/// How much happened in a machine, at most twenty times a second. The subscription's thread looks; no thread of the
/// program wakes it.
/// </summary>
internal sealed class ChangeStream(MachineChanges changes) : IControlStream
{
    // Looking takes at most this share of the time: a machine with very many objects is looked at less often.
    private const int MostShare = 10;

    private static readonly TimeSpan s_rest = TimeSpan.FromMilliseconds(50);

    private readonly ManualResetEventSlim _closed = new(initialState: false, spinCount: 0);
    private TimeSpan _rest;

    public bool TryNext(TimeSpan longest, List<byte[]> lines)
    {
        long began = Stopwatch.GetTimestamp();
        while (!_closed.Wait(_rest))
        {
            long looked = Stopwatch.GetTimestamp();
            byte[]? line = changes.Next();
            TimeSpan most = Stopwatch.GetElapsedTime(looked) * MostShare;
            _rest = most > s_rest ? most : s_rest;
            if (line is not null) lines.Add(line);
            if (line is not null || Stopwatch.GetElapsedTime(began) >= longest) return true;
        }

        if (changes.Next() is { } last) lines.Add(last);
        return false;
    }

    public void Close() => _closed.Set();

    public void Dispose() => changes.Dispose();
}
