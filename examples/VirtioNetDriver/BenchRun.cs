using System.Diagnostics;

namespace Ioasis.Examples.VirtioNet;

/// <summary>Frames as fast as they go.</summary>
public static class BenchRun
{
    /// <summary>Sends frames, many at a time, and counts what arrives.</summary>
    /// <param name="from">The card that sends.</param>
    /// <param name="to">The card that receives, which may be the same.</param>
    /// <param name="depth">Frames at a time.</param>
    /// <param name="time">How long.</param>
    /// <returns>The result in a line.</returns>
    public static async Task<string> Run(VirtioNic from, VirtioNic to, int depth, TimeSpan time)
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        using var stop = new CancellationTokenSource();
        long sent = 0, received = 0, start = Stopwatch.GetTimestamp();
        Task counting = Task.Run(async () =>
        {
            try
            {
                while (await to.Received.WaitToReadAsync(stop.Token).ConfigureAwait(false))
                    while (to.Received.TryRead(out _)) received++;
            }
            catch (OperationCanceledException)
            {
                // the run is over
            }
        });
        await Task.WhenAll(Enumerable.Range(0, depth).Select(_ => Task.Run(async () =>
        {
            var frame = new byte[14 + from.Mtu];
            to.Mac.Span.CopyTo(frame);
            from.Mac.Span.CopyTo(frame.AsSpan(6));
            while (Stopwatch.GetElapsedTime(start) < time)
                if (await from.SendAsync(frame).ConfigureAwait(false)) Interlocked.Increment(ref sent);
        }))).ConfigureAwait(false);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        await stop.CancelAsync().ConfigureAwait(false);
        await counting.ConfigureAwait(false);
        return $"{sent / seconds:f0} frames of {14 + from.Mtu} bytes a second sent, {received / seconds:f0} received, "
            + $"{depth} at a time, {(from.IsPolled ? "polled" : "by interrupts")}";
    }
}
