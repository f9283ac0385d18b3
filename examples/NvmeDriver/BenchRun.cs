using System.Diagnostics;
using Ioasis.Core;
using Ioasis.Core.DmaApi;

namespace Ioasis.Examples.Nvme;

/// <summary>Random reads from one polled queue.</summary>
public static class BenchRun
{
    private const int Parts = 10; // of the time, for each of which allocations are counted

    /// <summary>Reads as fast as it can. The first quarter of the time does not count.</summary>
    /// <param name="disk">The disk, with a polled queue.</param>
    /// <param name="dma">Its function's DMA.</param>
    /// <param name="piece">Bytes of a command.</param>
    /// <param name="depth">Commands in flight.</param>
    /// <param name="maps">Whether to map the memory for each command, or once.</param>
    /// <param name="time">How long.</param>
    /// <returns>The result in a line. Of the bytes that were allocated a read it has the median of the parts of the
    /// time, rounded up: what is allocated once, such as a cache of addresses when the thread comes to another
    /// processor, is no cost of a read.</returns>
    public static string Run(NvmeDisk disk, DmaDevice dma, int piece, int depth, bool maps, TimeSpan time)
    {
        NvmeQueue queue = disk.PolledQueues[0];
        depth = Math.Min(depth, queue.Entries - 1);
        int blocks = piece / disk.BlockSize;
        DmaMemory[] memory = [.. Enumerable.Range(0, depth).Select(_ => dma.Space.AllocateMemory((ulong)piece))];
        DmaMapping[] mappings = [.. memory.Select(m => Map(dma, m))];
        var ended = new NvmeResult[depth];
        var random = new Random();
        long places = disk.Length / piece, done = 0, before = 0;
        var allocations = new Allocations(time);
        int inFlight = depth;
        NvmeStatus failure = NvmeStatus.Success;
        for (int i = 0; i < depth; i++) Submit(i);
        long start = Stopwatch.GetTimestamp();
        TimeSpan elapsed = TimeSpan.Zero, begin = TimeSpan.Zero;
        while (inFlight > 0)
        {
            int count = queue.Poll(ended);
            if (count == 0)
            {
                Thread.Yield(); // the software controller wants a processor, too
                if (elapsed < time) elapsed = Stopwatch.GetElapsedTime(start);
            }

            for (int i = 0; i < count; i++)
            {
                if (ended[i].Status != NvmeStatus.Success) failure = ended[i].Status;
                done++;
                if ((done & 0xff) == 0) elapsed = Stopwatch.GetElapsedTime(start);
                int slot = (int)ended[i].Cookie;
                if (maps) mappings[slot].Dispose();
                if (maps) mappings[slot] = Map(dma, memory[slot]);
                if (elapsed < time && failure == NvmeStatus.Success) Submit(slot);
                else inFlight--;
            }

            allocations.Look(elapsed, done);
            if (before == 0 && elapsed >= time / 4) (before, begin) = (done, elapsed);
        }

        double seconds = (Stopwatch.GetElapsedTime(start) - begin).TotalSeconds;
        foreach (DmaMapping mapping in mappings) mapping.Dispose();
        foreach (DmaMemory one in memory) one.Dispose();
        if (failure != NvmeStatus.Success) throw new IOException($"A read ended with {failure}.");
        return $"{(done - before) / seconds:f0} reads of {piece} bytes a second, {depth} in flight, "
            + $"{(maps ? "mapped each" : "mapped once")}, {allocations.Median} bytes allocated a read";

        void Submit(int slot) => queue.TrySubmit(
            NvmeOpcode.Read, random.NextInt64(places) * blocks, blocks, mappings[slot].Address, slot);
    }

    private static DmaMapping Map(DmaDevice dma, DmaMemory memory)
    {
        IommuStatus status = dma.Map(memory, DmaDirection.FromDevice, out DmaMapping mapping);
        return status == IommuStatus.Ok ? mapping : throw new IOException($"The memory cannot be mapped: {status}.");
    }

    /// <summary>Bytes that this thread allocates for a read, in each part of the time.</summary>
    private sealed class Allocations(TimeSpan time)
    {
        private readonly List<long> _each = new(Parts);
        private long _bytes = GC.GetAllocatedBytesForCurrentThread(), _reads;

        internal long Median => _each.Order().ElementAt(_each.Count / 2);

        internal void Look(TimeSpan elapsed, long reads)
        {
            if (elapsed < (_each.Count + 1) * time / Parts || reads == _reads) return;
            long bytes = GC.GetAllocatedBytesForCurrentThread();
            _each.Add((bytes - _bytes + reads - _reads - 1) / (reads - _reads));
            (_bytes, _reads) = (bytes, reads);
        }
    }
}
