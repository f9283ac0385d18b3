using System.Diagnostics;
using System.Runtime.CompilerServices;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Bench;

/// <summary>An access that moves nothing: a translation, with all that makes it safe to use what it found.</summary>
/// <param name="sum">What it found is added here, so that nothing of it is left out.</param>
internal readonly ref struct Locate(ref nint sum) : ITransfer
{
    private readonly ref nint _sum = ref sum;

    /// <summary>Translates addresses, one after the other and again from the first.</summary>
    /// <param name="port">By which port.</param>
    /// <param name="iovas">The addresses; their number is a power of 2.</param>
    /// <param name="count">How many translations.</param>
    /// <returns>Nanoseconds for each.</returns>
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
