using System.Runtime.CompilerServices;
using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Core.Dma;

/// <summary>
/// A port whose accesses are counted. Its translations have a key of their own in the same IOTLB, which the fast path
/// never asks for. So the fast path is the same whether somebody counts or not, and what is counted are the hits and
/// misses of a real IOTLB.
/// </summary>
/// <remarks>
/// A metered access takes the steps of a fast one: it enters the port, looks up under the present generation, walks,
/// copies, leaves. So all that is said of taking a translation away (remarks of <see cref="DmaPort"/>) holds for it.
/// Metering begins and ends as watching does: <c>_slow</c> first, then a new generation. Who walks under the new
/// generation sees <c>_slow</c>, so nothing is kept under the key of the other way.
/// </remarks>
public sealed partial class DmaPort
{
    /// <summary>The fast way, or the metered one; a struct for each, so that the fast one does not ask which.</summary>
    private interface IWay
    {
        /// <summary>The value of <c>_slow</c> with which it may be taken.</summary>
        static abstract int Slow { get; }

        /// <summary>What it adds to the key of IOTLB entries.</summary>
        static abstract uint Key { get; }
    }

    /// <summary>What the port did while it was metered.</summary>
    internal AccessCounts Counted => new(
        Volatile.Read(ref _counts.Read), Volatile.Read(ref _counts.Written), Volatile.Read(ref _counts.Hits),
        Volatile.Read(ref _counts.Misses));

    private bool IsMetered => (_slow & ByMeter) != 0;

    /// <summary>Counts accesses from now on, or no longer. The observers call it, with their lock held.</summary>
    internal void Meter(bool isWanted)
    {
        if (isWanted == IsMetered) return;
        if (isWanted) Interlocked.Or(ref _slow, ByMeter);
        else Interlocked.And(ref _slow, ~ByMeter);
        Interlocked.Add(ref _generation, GenerationStep); // what was kept before is not found any more
    }

    /// <summary>
    /// An access by the IOTLB, or a miss that fills it, counted. False, with nothing done or counted, if it has to be
    /// made in pieces.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryMetered<T>(Iova iova, Pasid? pasid, in T transfer) where T : struct, ITransfer, allows ref struct
    {
        uint pasidKey = KeyOf(pasid);
        long state = Enter();
        nint host = Hit(iova.Value, pasidKey | MeterKey, transfer.Length, T.Needs);
        bool isHit = host != 0;
        if (!isHit) host = Miss<T, Metered>(iova.Value, pasidKey, transfer.Length);
        if (host != 0) transfer.All(host);
        Leave(state);
        if (host == 0) return false;
        Count(transfer.Length, T.Needs, isHit ? 1 : 0, isHit ? 0 : 1);
        return true;
    }

    /// <summary>A piece of an access on the slow path is over. Its translation came from no IOTLB.</summary>
    /// <param name="bytes">What was moved; 0 for a piece that was refused.</param>
    /// <param name="access">Its direction.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void CountPiece(int bytes, MapAccess access) => Count(bytes, access, 0, _usesDeviceTlb ? 0 : 1);

    // Only the thread that the port serves counts.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Count(int bytes, MapAccess access, int hits, int misses)
    {
        ref long moved = ref access == MapAccess.Write ? ref _counts.Written : ref _counts.Read;
        Volatile.Write(ref moved, moved + bytes);
        Volatile.Write(ref _counts.Hits, _counts.Hits + hits);
        Volatile.Write(ref _counts.Misses, _counts.Misses + misses);
    }

    private struct Counts
    {
        internal long Read, Written, Hits, Misses; // bytes, bytes, look-ups, look-ups
    }

    private readonly struct Unmetered : IWay
    {
        public static int Slow => 0;

        public static uint Key => 0;
    }

    private readonly struct Metered : IWay
    {
        public static int Slow => ByMeter;

        public static uint Key => MeterKey;
    }
}
