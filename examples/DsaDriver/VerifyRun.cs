using System.Numerics;
using Ioasis.Client;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Examples.Dsa;

/// <summary>
/// Moves, fills, compares and sums random bytes, alone and in batches, on the driver's queue and on user queues at
/// once, and computes the same by itself.
/// </summary>
/// <param name="device">The device.</param>
/// <param name="nodes">The process that user queues are for.</param>
/// <param name="block">Bytes of a descriptor.</param>
/// <param name="depth">Descriptors at a time on each queue.</param>
public sealed class VerifyRun(DsaAccelerator device, NodeTransport nodes, int block, int depth)
{
    private long _done, _aborted, _resetEach = long.MaxValue;
    private int _resets;

    /// <summary>How many descriptors and batches were right.</summary>
    public long Done => Volatile.Read(ref _done);

    /// <summary>How many were aborted by resets, and done again.</summary>
    public long Aborted => Volatile.Read(ref _aborted);

    /// <summary>Works until so many bytes were worked on on each queue.</summary>
    /// <param name="bytes">Bytes for each queue.</param>
    /// <param name="userQueues">How many user queues to open.</param>
    /// <param name="resets">How often to reset the device meanwhile: by the driver and, every other time, behind its
    /// back.</param>
    /// <returns>What was wrong; null if nothing was.</returns>
    public async Task<string?> Run(long bytes, int userQueues, int resets)
    {
        int rounds = (int)Math.Max(1, bytes / block / depth);
        List<DsaQueue> queues = [device.Queue];
        for (int i = 0; i < userQueues; i++)
        {
            IommuStatus status = device.OpenUserQueue(nodes, out DsaQueue? queue);
            if (status != IommuStatus.Ok) return $"A user queue cannot be opened: {status}.";
            queues.Add(queue!);
        }

        _resets = resets;
        if (resets > 0) _resetEach = Math.Max(1, (long)rounds * depth * queues.Count / (resets + 1));
        string?[] wrong = await Task.WhenAll(
            queues.SelectMany(queue => Enumerable.Range(0, depth).Select(i => Task.Run(() => Work(queue, i, rounds)))))
            .ConfigureAwait(false);
        foreach (DsaQueue queue in queues.Skip(1)) queue.Dispose();
        return wrong.FirstOrDefault(w => w is not null);
    }

    private void Reset(bool behindTheDriver)
    {
        if (behindTheDriver) device.Function.Reset(); // the driver finds out
        else device.Reset();
    }

    private async Task<string?> Work(DsaQueue queue, int worker, int rounds)
    {
        var random = new Random((queue.Index * 1000) + worker);
        using VerifyMemory memory = queue == device.Queue
            ? new MappedMemory(device.Function.Dma, block)
            : new ProcessMemory(nodes, block);
        for (int i = 0; i < rounds; i++)
        {
            for (bool again = true; again;)
            {
                random.NextBytes(memory.First);
                random.NextBytes(memory.Second);
                (DsaStatus status, string? wrong) = await Step(queue, memory, random).ConfigureAwait(false);
                if (status is not (DsaStatus.Success or DsaStatus.Aborted)) wrong = $"it ended with {status}";
                again = status == DsaStatus.Aborted;
                if (again) Interlocked.Increment(ref _aborted);
                else if (wrong is not null) return $"Queue {queue.Index}, step {i} of worker {worker}: {wrong}.";
            }

            long done = Interlocked.Increment(ref _done);
            long reset = done / _resetEach;
            if (done % _resetEach == 0 && reset <= _resets) Reset(behindTheDriver: reset % 2 == 0);
        }

        return null;
    }

    private static async Task<(DsaStatus Status, string? Wrong)> Step(
        DsaQueue queue, VerifyMemory memory, Random random)
    {
        byte[] first = memory.First, second = memory.Second;
        int length = random.Next(1, first.Length + 1), at = random.Next(first.Length - length + 1);
        byte[] expected = [.. second];
        ulong pattern = (ulong)random.NextInt64();
        int kind = random.Next(5);
        if (kind == 0) first.AsSpan(at, length).CopyTo(expected.AsSpan(at));
        if (kind == 1) Fill(expected.AsSpan(at, length), pattern);
        if (kind == 2)
        {
            first.CopyTo(second, 0);
            if (random.Next(2) == 0) second[random.Next(first.Length)] ^= 0x40;
            second.CopyTo(expected, 0);
        }

        int half = length / 2;
        if (kind == 4) first.AsSpan(at, half).CopyTo(expected.AsSpan(at));
        if (kind == 4) Fill(expected.AsSpan(at + half, length - half), pattern);
        int difference = first.AsSpan(at, length).CommonPrefixLength(second.AsSpan(at, length));
        uint sum = Sum(first.AsSpan(at, length));

        (Iova source, Iova target) = memory.Give((ulong)at);
        DsaResult result;
        var parts = new DsaResult[3];
        try
        {
            if (kind < 4 || half == 0)
            {
                result = await queue.RunAsync(kind switch
                {
                    0 => DsaDescriptor.Move(source, target, length),
                    2 => DsaDescriptor.Compare(source, target, length),
                    3 => DsaDescriptor.Crc(source, length),
                    _ => DsaDescriptor.Fill(pattern, target, length),
                }).ConfigureAwait(false);
            }
            else
            {
                result = await queue.RunBatchAsync(
                [
                    DsaDescriptor.Move(source, target, half),
                    DsaDescriptor.Fill(pattern, new Iova(target.Value + (ulong)half), length - half),
                    DsaDescriptor.Compare(source, target, half),
                ], parts).ConfigureAwait(false);
            }
        }
        finally
        {
            memory.Take();
        }

        if (result.Status != DsaStatus.Success) return (result.Status, null);
        string? wrong = !second.AsSpan().SequenceEqual(expected) ? "the target has other bytes" : kind switch
        {
            2 when (result.Value != 0) != (difference < length) => "the comparison's result is wrong",
            2 when result.Value != 0 && result.Bytes != difference => "the difference is elsewhere",
            3 when result.Crc != sum => $"the sum is 0x{result.Crc:x}, not 0x{sum:x}",
            4 when half > 0 && (result.Bytes != 3 || !Array.TrueForAll(parts, part => part.Status
                == DsaStatus.Success && part.Value == 0)) => "a part of the batch failed",
            _ => null,
        };
        return (result.Status, wrong);
    }

    private static void Fill(Span<byte> bytes, ulong pattern)
    {
        for (int i = 0; i < bytes.Length; i++) bytes[i] = (byte)(pattern >> (i % 8 * 8));
    }

    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = ~0u;
        foreach (byte value in bytes) sum = BitOperations.Crc32C(sum, value);
        return ~sum;
    }

    /// <summary>Two areas that descriptors work on.</summary>
    private abstract class VerifyMemory(int size) : IDisposable
    {
        internal byte[] First { get; } = new byte[size];

        internal byte[] Second { get; } = new byte[size];

        /// <summary>Gives both to the device.</summary>
        /// <returns>The addresses of a byte in each.</returns>
        internal abstract (Iova First, Iova Second) Give(ulong at);

        /// <summary>Takes both back.</summary>
        internal abstract void Take();

        public virtual void Dispose()
        {
        }
    }

    /// <summary>Arrays that are mapped by the DMA API for each descriptor.</summary>
    private sealed class MappedMemory(DmaDevice dma, int size) : VerifyMemory(size)
    {
        private DmaMapping _first, _second;

        internal override (Iova First, Iova Second) Give(ulong at)
        {
            Must(dma.Map(First.AsMemory(), DmaDirection.ToDevice, out _first));
            Must(dma.Map(Second.AsMemory(), DmaDirection.Bidirectional, out _second));
            return (new Iova(_first.Address.Value + at), new Iova(_second.Address.Value + at));
        }

        internal override void Take()
        {
            _first.Dispose();
            _second.Dispose();
        }

        private static void Must(IommuStatus status)
        {
            if (status != IommuStatus.Ok) throw new IOException($"An array cannot be mapped: {status}.");
        }
    }

    /// <summary>Memory of the process, by its own pointers.</summary>
    private sealed class ProcessMemory(NodeTransport nodes, int size) : VerifyMemory(size)
    {
        private readonly UserMemory _memory = nodes.Allocate(2 * (ulong)size);

        internal override (Iova First, Iova Second) Give(ulong at)
        {
            _memory.CopyFrom(0, First);
            _memory.CopyFrom((ulong)First.Length, Second);
            ulong pointer = _memory.Address.Value + at;
            return (new Iova(pointer), new Iova(pointer + (ulong)First.Length));
        }

        internal override void Take()
        {
            _memory.CopyTo(0, First);
            _memory.CopyTo((ulong)First.Length, Second);
        }

        public override void Dispose()
        {
            base.Dispose();
            _memory.Dispose();
        }
    }
}
