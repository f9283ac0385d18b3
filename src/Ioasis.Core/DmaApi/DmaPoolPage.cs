using System.Runtime.CompilerServices;

namespace Ioasis.Core.DmaApi;

/// <summary>A page of a <see cref="DmaPool"/>, and which of its blocks the driver has.</summary>
internal sealed class DmaPoolPage(DmaBuffer buffer, int blocks)
{
    private readonly int[] _isTaken = new int[blocks];

    internal DmaBuffer Buffer { get; } = buffer;

    /// <summary>How many blocks the driver has.</summary>
    internal int Live
    {
        get
        {
            int live = 0;
            foreach (int taken in _isTaken) live += taken;
            return live;
        }
    }

    /// <summary>The driver gets a block, which is free and the caller's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Take(int index) => Volatile.Write(ref _isTaken[index], 1);

    /// <summary>The driver gives a block back; false if it does not have it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryGive(int index) => Interlocked.Exchange(ref _isTaken[index], 0) != 0;
}
