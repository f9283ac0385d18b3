using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// The I/O addresses that the devices of one group, or of one IOAS, share, with the page table behind them. The DMA API
/// of a device (<see cref="DmaDevice"/>) maps into one. Drivers are the same whichever it is: a group's default domain
/// in the host (<see cref="DmaDomain"/>), or an IOAS of /dev/iommu.
/// </summary>
public abstract class DmaSpace
{
    /// <summary>Makes a space.</summary>
    /// <param name="iovas">Gives out addresses; null when addresses are the memory's own.</param>
    protected DmaSpace(IovaSpace? iovas) => Iovas = iovas;

    /// <summary>Gives out addresses; null when addresses are those of the memory itself.</summary>
    public IovaSpace? Iovas { get; }

    /// <summary>The page in bytes: what mappings consist of.</summary>
    public ulong PageSize => Iovas?.Granule ?? 4096;

    /// <summary>
    /// Whether devices can be led to any memory of our process, so also to arrays that are pinned. If not, only to what
    /// <see cref="AllocateMemory"/> gave; arrays are copied to such memory (bounced).
    /// </summary>
    public abstract bool MapsAnyMemory { get; }

    /// <summary>Accesses to memory that was unmapped but not yet flushed. They were let through.</summary>
    public virtual long LateAccesses => 0;

    /// <summary>Allocates zeroed memory in whole pages that can be mapped.</summary>
    /// <param name="length">Bytes, not 0.</param>
    public abstract DmaMemory AllocateMemory(ulong length);

    /// <summary>Enters a mapping.</summary>
    protected internal abstract IommuStatus Map(in DmaRun run);

    /// <summary>
    /// Takes mappings out, each as it was entered. When this returns, no device uses them any more, an access in flight
    /// included.
    /// </summary>
    protected internal abstract void Unmap(ReadOnlySpan<IovaRange> ranges);

    /// <summary>
    /// Takes a mapping out, and gives its addresses and its memory back: at once, or, where the space is lazy, with the
    /// next flush.
    /// </summary>
    /// <param name="run">As it was entered.</param>
    /// <param name="iova">The first address of the allocation that it is in; null when others use the allocation.
    /// </param>
    /// <param name="length">The length of the allocation.</param>
    /// <param name="hold">What keeps the memory.</param>
    protected internal virtual void Retire(in DmaRun run, ulong? iova, ulong length, ref DmaHold hold)
    {
        Unmap([run.Range]);
        hold.Release();
        if (iova is { } first) Iovas!.Free(first, length);
    }

    /// <summary>
    /// Flushes what a lazy space has only taken out. When this returns, no device uses it any more.
    /// </summary>
    public virtual void Flush()
    {
    }

    /// <summary>A device begins to map in the space.</summary>
    internal virtual void Add(DmaDevice device)
    {
    }

    /// <summary>A device maps nothing in the space any more.</summary>
    internal virtual void Remove(DmaDevice device)
    {
    }
}
