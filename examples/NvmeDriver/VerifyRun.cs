using System.Numerics;
using System.Runtime.InteropServices;
using Ioasis.Client.Drivers;

namespace Ioasis.Examples.Nvme;

/// <summary>
/// Writes pieces of a disk in random order, many at a time, and reads them back in another. Each piece has its number,
/// the number of the run and a checksum.
/// </summary>
public sealed class VerifyRun
{
    private const int Header = 24; // number, run, checksum

    private readonly NvmeDisk _disk;
    private readonly DriverFunction _function;
    private readonly int _piece, _depth, _resets;
    private readonly ulong _run = (ulong)Random.Shared.NextInt64();
    private readonly Random _random = new(1);

    /// <summary>Makes a run.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="function">Its function, to reset behind the driver's back.</param>
    /// <param name="piece">Bytes of a command.</param>
    /// <param name="depth">Commands at a time.</param>
    /// <param name="resets">How often the controller is reset meanwhile: by the driver and, every other time, without
    /// its knowledge.</param>
    public VerifyRun(NvmeDisk disk, DriverFunction function, int piece, int depth, int resets)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(piece, Header);
        (_disk, _function, _piece, _depth, _resets) = (disk, function, piece, depth, resets);
    }

    /// <summary>Writes, flushes, reads and checks.</summary>
    /// <param name="bytes">Bytes from the start of the disk.</param>
    /// <returns>What was wrong; null if nothing was.</returns>
    public async Task<string?> Run(long bytes)
    {
        int count = (int)(Math.Min(bytes, _disk.Length) / _piece);
        string? wrong = await ForEach(count, async (number, buffer) =>
        {
            Fill(buffer.Span, number);
            await _disk.WriteAsync((long)number * _piece, buffer).ConfigureAwait(false);
            return null;
        }).ConfigureAwait(false);
        if (wrong is not null) return wrong;
        await _disk.FlushAsync().ConfigureAwait(false);
        return await ForEach(count, async (number, buffer) =>
        {
            buffer.Span.Clear();
            await _disk.ReadAsync((long)number * _piece, buffer).ConfigureAwait(false);
            return IsFilled(buffer.Span, number) ? null : $"The {_piece} bytes at {(long)number * _piece} are others.";
        }).ConfigureAwait(false);
    }

    private async Task<string?> ForEach(int count, Func<int, Memory<byte>, ValueTask<string?>> act)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        _random.Shuffle(order);
        int next = -1;
        string? wrong = null;
        var resets = new List<Task>();
        int resetEach = _resets == 0 ? int.MaxValue : Math.Max(1, 2 * count / (_resets + 1));

        async Task Work()
        {
            var buffer = new byte[_piece];
            while (Volatile.Read(ref wrong) is null && Interlocked.Increment(ref next) is var i && i < count)
            {
                if (i % resetEach == resetEach - 1)
                {
                    Task reset = Task.Run(() => Reset(i / resetEach % 2 != 0));
                    lock (resets) resets.Add(reset);
                }

                if (await act(order[i], buffer).ConfigureAwait(false) is { } problem)
                    Volatile.Write(ref wrong, problem);
            }
        }

        await Task.WhenAll(Enumerable.Range(0, _depth).Select(_ => Task.Run(Work))).ConfigureAwait(false);
        await Task.WhenAll(resets).ConfigureAwait(false);
        return wrong;
    }

    private void Reset(bool behindTheDriver)
    {
        if (behindTheDriver) _function.Reset(); // the driver finds out
        else _disk.Reset();
    }

    private void Fill(Span<byte> piece, int number)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(piece);
        ulong state = ((ulong)number * 0x9e3779b97f4a7c15) ^ _run ^ 1;
        for (int i = Header / 8; i < words.Length; i++)
        {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            words[i] = state;
        }

        (words[0], words[1], words[2]) = ((ulong)number, _run, Checksum(piece[Header..]));
    }

    private bool IsFilled(ReadOnlySpan<byte> piece, int number)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(piece);
        return words[0] == (ulong)number && words[1] == _run && words[2] == Checksum(piece[Header..]);
    }

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint sum = ~0u;
        foreach (ulong word in MemoryMarshal.Cast<byte, ulong>(bytes)) sum = BitOperations.Crc32C(sum, word);
        return ~sum;
    }
}
