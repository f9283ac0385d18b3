using System.Diagnostics;
using Ioasis.Core;
using Ioasis.Core.DmaApi;

namespace Ioasis.Examples.Nvme;

/// <summary>Random reads from one polled queue.</summary>
public static class BenchRun
{
    /// <summary>Reads as fast as it can.</summary>
    /// <param name="disk">The disk, with a polled queue.</param>
    /// <param name="dma">Its function's DMA.</param>
    /// <param name="piece">Bytes of a command.</param>
    /// <param name="depth">Commands in flight.</param>
    /// <param name="maps">Whether to map the memory for each command, or once.</param>
    /// <param name="time">How long.</param>
    /// <returns>The result in a line.</returns>
    public static string Run(NvmeDisk disk, DmaDevice dma, int piece, int depth, bool maps, TimeSpan time)
    {
        NvmeQueue queue = disk.PolledQueues[0];
        depth = Math.Min(depth, queue.Entries - 1);
        int blocks = piece / disk.BlockSize;
        DmaMemory[] memory = [.. Enumerable.Range(0, depth).Select(_ => dma.Space.AllocateMemory((ulong)piece))];
        DmaMapping[] mappings = [.. memory.Select(m => Map(dma, m))];
        var ended = new NvmeResult[depth];
        var random = new Random(1);
        long places = disk.Length / piece, done = 0, allocated = GC.GetAllocatedBytesForCurrentThread();
        int inFlight = depth;
        for (int i = 0; i < depth; i++) Submit(i);
        long start = Stopwatch.GetTimestamp();
        TimeSpan elapsed = TimeSpan.Zero;
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
                if (ended[i].Status is var status and not NvmeStatus.Success)
                    throw new IOException($"A read ended with {status}.");
                done++;
                if ((done & 0xff) == 0) elapsed = Stopwatch.GetElapsedTime(start);
                int slot = (int)ended[i].Cookie;
                if (maps) mappings[slot].Dispose();
                if (maps) mappings[slot] = Map(dma, memory[slot]);
                if (elapsed < time) Submit(slot);
                else inFlight--;
            }
        }

        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        foreach (DmaMapping mapping in mappings) mapping.Dispose();
        foreach (DmaMemory one in memory) one.Dispose();
        return $"{done / seconds:f0} reads of {piece} bytes a second, {depth} in flight, "
            + $"{(maps ? "mapped each" : "mapped once")}, {allocated / Math.Max(1, done)} bytes allocated a read";

        void Submit(int slot) => queue.TrySubmit(
            NvmeOpcode.Read, random.NextInt64(places) * blocks, blocks, mappings[slot].Address, slot);
    }

    private static DmaMapping Map(DmaDevice dma, DmaMemory memory)
    {
        IommuStatus status = dma.Map(memory, DmaDirection.FromDevice, out DmaMapping mapping);
        return status == IommuStatus.Ok ? mapping : throw new IOException($"The memory cannot be mapped: {status}.");
    }
}
