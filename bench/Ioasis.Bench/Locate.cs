using System.Diagnostics;
using System.Runtime.CompilerServices;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Bench;

/// <summary>An access that moves no data: a translation, including all that makes its result safe to use.</summary>
/// <param name="sum">The results are added to it, so that nothing is optimized away.</param>
internal readonly ref struct Locate(ref nint sum) : ITransfer
{
    private readonly ref nint _sum = ref sum;

    /// <summary>Translates addresses in order, over and over.</summary>
    /// <param name="port">The port to use.</param>
    /// <param name="iovas">The addresses. Their number is a power of 2.</param>
    /// <param name="count">Number of translations.</param>
    /// <returns>Nanoseconds per translation.</returns>
    internal static double Each(DmaPort port, ulong[] iovas, int count)
    {
        nint sum = 0;
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < count; i++)
        {
            if (!port.Access(new Iova(iovas[i & (iovas.Length - 1)]), 0, new Locate(ref sum)).IsOk)
                throw new InvalidOperationException("A translation that must succeed failed.");
        }

        double each = Stopwatch.GetElapsedTime(start).TotalNanoseconds / count;
        return sum != 0 ? each : throw new InvalidOperationException("No page was found.");
    }

    public static MapAccess Needs => MapAccess.Read;

    public int Length => 64;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void All(nint host) => _sum += host;

    public void Part(nint host, int offset, int count) =>
        throw new InvalidOperationException("All of it lies in one page.");

    public bool Part(MemoryBacking backing, ulong at, int offset, int count) =>
        throw new InvalidOperationException("All of it lies in our process.");
}
