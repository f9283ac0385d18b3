using System.Threading.Channels;
using Ioasis.Host.Control;
using Ioasis.Web.Sources;

namespace Ioasis.Web.Serving;

/// <summary>
/// Hands the lines of one subscription to all pages that want the same. A supervisor has few subscribers and pages may
/// be many, so pages share. A page that reads too slowly loses lines, and is told how many.
/// </summary>
internal sealed class EventHub(IMachineSource source)
{
    private const int MostWaiting = 10_000;

    // Guards the fields below.
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Subscription> _subscriptions = [];

    /// <summary>The lines from now on; it ends with the machine, or when the reader does.</summary>
    /// <param name="key">Equal for equal requests.</param>
    /// <param name="request">What to subscribe to.</param>
    /// <param name="stop">Ends it.</param>
    public async IAsyncEnumerable<string> Read(
        string key, ControlRequest request,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop)
    {
        var reader = new Reader();
        Subscription subscription = Join(key, request, reader);
        try
        {
            while (await reader.Lines.Reader.WaitToReadAsync(stop))
            {
                if (reader.TakeLost() is var lost and > 0) yield return $"{{\"event\":\"lost\",\"count\":{lost}}}";
                while (reader.Lines.Reader.TryRead(out string? line)) yield return line;
            }
        }
        finally
        {
            Leave(key, subscription, reader);
        }
    }

    private Subscription Join(string key, ControlRequest request, Reader reader)
    {
        lock (_lock)
        {
            if (!_subscriptions.TryGetValue(key, out Subscription? one))
            {
                _subscriptions[key] = one = new Subscription();
                _ = Feed(key, one, request);
            }

            one.Readers = [.. one.Readers, reader];
            return one;
        }
    }

    private void Leave(string key, Subscription one, Reader reader)
    {
        lock (_lock)
        {
            one.Readers = [.. one.Readers.Where(r => r != reader)];
            if (one.Readers.Length != 0) return;
            if (_subscriptions.GetValueOrDefault(key) == one) _subscriptions.Remove(key);
        }

        one.Stop.Cancel();
    }

    private async Task Feed(string key, Subscription one, ControlRequest request)
    {
        Exception? failure = null;
        try
        {
            await source.Follow(request, line =>
            {
                string text = System.Text.Encoding.UTF8.GetString(line.Span);
                foreach (Reader reader in one.Readers) reader.Give(text);
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

        foreach (Reader reader in left) reader.Lines.Writer.TryComplete(failure);
    }

    private sealed class Subscription
    {
        internal CancellationTokenSource Stop { get; } = new();

        internal volatile Reader[] Readers = [];
    }

    private sealed class Reader
    {
        private long _lost;

        internal Channel<string> Lines { get; } = Channel.CreateBounded<string>(
            new BoundedChannelOptions(MostWaiting) { SingleReader = true });

        internal void Give(string line)
        {
            if (!Lines.Writer.TryWrite(line)) Interlocked.Increment(ref _lost);
        }

        internal long TakeLost() => Interlocked.Exchange(ref _lost, 0);
    }
}
