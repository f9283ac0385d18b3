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

    public static MapAccess Needs => MapAccess.Read;

    public int Length => 64;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void All(nint host) => _sum += host;

    public void Part(nint host, int offset, int count) => throw new InvalidOperationException("All of it lies in one page.");

    public bool Part(MemoryBacking backing, ulong at, int offset, int count) => throw new InvalidOperationException("All of it lies in our process.");
}
