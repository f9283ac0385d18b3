using System.Buffers.Binary;
using System.Collections.Concurrent;

namespace Ioasis.Examples.VirtioNet;

/// <summary>
/// Sends frames with random lengths and contents, many at a time, and checks each byte of what arrives.
/// </summary>
/// <param name="from">The card that sends.</param>
/// <param name="to">The card that receives, which may be the same.</param>
/// <param name="depth">Frames at a time.</param>
/// <param name="mayLose">Whether a frame can get lost, by a reset: it is sent again then.</param>
/// <param name="step">Called after each frame, with the number of frames until then; null for nothing.</param>
public sealed class VerifyRun(VirtioNic from, VirtioNic to, int depth, bool mayLose, Action<long>? step = null)
{
    private const int Addresses = 12, Header = Addresses + 2 + 8 + 4; // addresses, type, run, number
    private const ushort Experimental = 0x88b5; // type of a frame
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30), s_again = TimeSpan.FromMilliseconds(100);

    private readonly long _run = Random.Shared.NextInt64();
    private readonly ConcurrentDictionary<int, TaskCompletionSource> _sent = new();
    private string? _wrong;
    private long _arrived, _again, _done;

    /// <summary>How many frames have arrived.</summary>
    public long Arrived => Volatile.Read(ref _arrived);

    /// <summary>How many were sent again.</summary>
    public long Again => Volatile.Read(ref _again);

    /// <summary>Sends and receives.</summary>
    /// <param name="frames">How many.</param>
    /// <returns>What was wrong; null if nothing was.</returns>
    public async Task<string?> Run(int frames)
    {
        using var stop = new CancellationTokenSource();
        Task receiving = Task.Run(() => Receive(stop.Token), CancellationToken.None);
        int next = -1;
        await Task.WhenAll(Enumerable.Range(0, depth).Select(_ => Task.Run(async () =>
        {
            while (Volatile.Read(ref _wrong) is null && Interlocked.Increment(ref next) is var number
                && number < frames)
            {
                await Send(number).ConfigureAwait(false);
                step?.Invoke(Interlocked.Increment(ref _done));
            }
        }))).ConfigureAwait(false);
        await stop.CancelAsync().ConfigureAwait(false);
        await receiving.ConfigureAwait(false);
        return _wrong;
    }

    private async Task Send(int number)
    {
        byte[] frame = Frame(number);
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _sent[number] = arrived;
        while (true)
        {
            bool isSent = await from.SendAsync(frame).ConfigureAwait(false);
            if (!isSent && !mayLose)
            {
                Volatile.Write(ref _wrong, $"Frame {number} was not sent.");
                return;
            }

            try
            {
                await arrived.Task.WaitAsync(mayLose ? s_again : s_patience).ConfigureAwait(false);
                return;
            }
            catch (TimeoutException) when (mayLose && Volatile.Read(ref _wrong) is null)
            {
                Interlocked.Increment(ref _again);
            }
            catch (TimeoutException)
            {
                Interlocked.CompareExchange(
                    ref _wrong, $"Frame {number} of {frame.Length} bytes did not arrive.", null);
                return;
            }
        }
    }

    private async Task Receive(CancellationToken stop)
    {
        try
        {
            await foreach (byte[] frame in to.Received.ReadAllAsync(stop).ConfigureAwait(false))
            {
                if (frame.Length < Header
                    || BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(Addresses)) != Experimental
                    || BitConverter.ToInt64(frame, Addresses + 2) != _run) continue; // somebody else's
                int number = BitConverter.ToInt32(frame, Addresses + 10);
                if (!_sent.TryGetValue(number, out TaskCompletionSource? arrived))
                    Volatile.Write(ref _wrong, $"Frame {number} arrived and was not sent.");
                else if (!frame.AsSpan().SequenceEqual(Frame(number)))
                    Volatile.Write(ref _wrong, $"Frame {number} has other bytes.");
                else if (arrived.TrySetResult())
                    Interlocked.Increment(ref _arrived);
                else if (!mayLose)
                    Volatile.Write(ref _wrong, $"Frame {number} arrived twice.");
            }
        }
        catch (OperationCanceledException)
        {
            // the run is over
        }
    }

    private byte[] Frame(int number)
    {
        var random = new Random(HashCode.Combine(_run, number));
        var frame = new byte[random.Next(Math.Max(60, Header), 14 + from.Mtu + 1)];
        random.NextBytes(frame);
        to.Mac.Span.CopyTo(frame);
        from.Mac.Span.CopyTo(frame.AsSpan(6));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(Addresses), Experimental);
        BitConverter.TryWriteBytes(frame.AsSpan(Addresses + 2), _run);
        BitConverter.TryWriteBytes(frame.AsSpan(Addresses + 10), number);
        return frame;
    }
}
