using System.Text;
using System.Threading.Channels;
using Ioasis.Host.Control;
using Ioasis.Web.Sources;

namespace Ioasis.Web.Serving;

/// <summary>
/// Hands the lines of one subscription to all pages that want the same. A supervisor has few subscribers and pages may
/// be many, so pages share. A page that reads too slowly loses lines, and is told how many.
/// </summary>
internal sealed class EventHub(IMachineSource source, StreamPlaces places)
{
    /// <summary>The most different subscriptions at a time; a supervisor has a few more for others.</summary>
    internal const int MostSubscriptions = 8;

    // Guards the fields below.
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Subscription> _subscriptions = [];
    private int _readers;

    /// <summary>How many pages read now.</summary>
    public int Readers
    {
        get { lock (_lock) return _readers; }
    }

    /// <summary>Begins to read; null if too many do.</summary>
    /// <param name="request">What to subscribe to. Equal requests share a subscription.</param>
    public Reader? TryJoin(ControlRequest request)
    {
        string key = request.ToString();
        lock (_lock)
        {
            bool isNew = !_subscriptions.TryGetValue(key, out Subscription? one);
            if ((isNew && _subscriptions.Count == MostSubscriptions) || !places.TryTake()) return null;
            if (isNew)
            {
                _subscriptions[key] = one = new Subscription();
                _ = Feed(key, one, request);
            }

            var reader = new Reader(this, key, one!);
            // Changes are sums, so the last line says it all; a page that comes later need not wait for the next.
            if (request.Kinds == "changes" && one!.Last is { } last) reader.Give(last);
            one!.Readers = [.. one.Readers, reader];
            _readers++;
            return reader;
        }
    }

    private void Leave(Reader reader)
    {
        Subscription one = reader.Of;
        lock (_lock)
        {
            if (!one.Readers.Contains(reader)) return;
            one.Readers = [.. one.Readers.Where(r => r != reader)];
            _readers--;
            places.GiveBack();
            if (one.Readers.Length != 0) return;
            if (_subscriptions.GetValueOrDefault(reader.Key) == one) _subscriptions.Remove(reader.Key);
        }

        one.Stop.Cancel();
    }

    private async Task Feed(string key, Subscription one, ControlRequest request)
    {
        await Task.Yield(); // the lock is held
        Exception? failure = null;
        try
        {
            await source.Follow(request, line =>
            {
                byte[] bytes = line.ToArray();
                one.Last = bytes;
                foreach (Reader reader in one.Readers) reader.Give(bytes);
                return ValueTask.CompletedTask;
            }, one.Stop.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            failure = e;
        }

        Reader[] left;
        lock (_lock)
        {
            if (_subscriptions.GetValueOrDefault(key) == one) _subscriptions.Remove(key);
            left = one.Readers;
        }

        foreach (Reader reader in left) reader.End(failure);
    }

    /// <summary>What all pages share that want the same.</summary>
    internal sealed class Subscription
    {
        internal CancellationTokenSource Stop { get; } = new();

        internal volatile Reader[] Readers = [];

        internal volatile byte[]? Last;
    }

    /// <summary>A page's own part of a subscription.</summary>
    internal sealed class Reader(EventHub hub, string key, Subscription of) : IDisposable
    {
        // What waits for a page that does not read. More is lost.
        private const int MostBytes = 1 << 20;

        private readonly Channel<byte[]> _lines = Channel.CreateUnbounded<byte[]>(
            new UnboundedChannelOptions { SingleReader = true });

        private long _lost;
        private int _waiting;

        internal string Key => key;

        internal Subscription Of => of;

        /// <summary>Waits for a line; false when nothing more will come.</summary>
        /// <exception cref="IOException">The subscription failed.</exception>
        internal ValueTask<bool> Wait(CancellationToken stop) => _lines.Reader.WaitToReadAsync(stop);

        /// <summary>Takes a line that is there, or the one that says how many were lost before it.</summary>
        internal bool TryTake(out ReadOnlyMemory<byte> line)
        {
            line = default;
            if (!_lines.Reader.TryPeek(out _)) return false;
            if (Interlocked.Exchange(ref _lost, 0) is var lost and not 0)
            {
                line = Encoding.UTF8.GetBytes($"{{\"event\":\"lost\",\"count\":{lost}}}");
                return true;
            }

            if (!_lines.Reader.TryRead(out byte[]? taken)) return false;
            Interlocked.Add(ref _waiting, -taken.Length);
            line = taken;
            return true;
        }

        internal void Give(byte[] line)
        {
            if (Volatile.Read(ref _waiting) >= MostBytes)
            {
                Interlocked.Increment(ref _lost);
                return;
            }

            Interlocked.Add(ref _waiting, line.Length);
            _lines.Writer.TryWrite(line);
        }

        internal void End(Exception? failure) => _lines.Writer.TryComplete(failure);

        /// <inheritdoc/>
        public void Dispose() => hub.Leave(this);
    }
}
