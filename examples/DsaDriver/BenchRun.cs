using System.Diagnostics;
using Ioasis.Memory;

namespace Ioasis.Examples.Dsa;

/// <summary>Moves on one queue, by polling.</summary>
public static class BenchRun
{
    /// <summary>Moves as fast as it can.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="source">What to move.</param>
    /// <param name="target">Whither.</param>
    /// <param name="block">Bytes of a descriptor.</param>
    /// <param name="depth">Descriptors in flight.</param>
    /// <param name="time">How long.</param>
    /// <returns>The result in a line.</returns>
    public static string Run(DsaQueue queue, Iova source, Iova target, int block, int depth, TimeSpan time)
    {
        DsaDescriptor move = DsaDescriptor.Move(source, target, block);
        var tickets = new Queue<int>(depth);
        depth = Math.Min(depth, queue.Entries);
        long done = 0, allocated = GC.GetAllocatedBytesForCurrentThread(), start = Stopwatch.GetTimestamp();
        TimeSpan elapsed = TimeSpan.Zero;
        SpinWait wait = default;
        while (tickets.Count > 0 || elapsed < time)
        {
            while (elapsed < time && tickets.Count < depth && queue.TrySubmit(in move, out int ticket))
                tickets.Enqueue(ticket);
            if (queue.TryTake(tickets.Peek(), out DsaResult result))
            {
                if (result.Status != DsaStatus.Success) throw new IOException($"A move ended with {result.Status}.");
                tickets.Dequeue();
                done++;
                wait.Reset();
            }
            else
            {
                wait.SpinOnce(sleep1Threshold: -1); // the software device wants a processor, too
            }

            elapsed = Stopwatch.GetElapsedTime(start);
        }

        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return $"{done / seconds:f0} moves of {block} bytes a second, {depth} in flight, "
            + $"{allocated / Math.Max(1, done)} bytes allocated a move";
    }
}
