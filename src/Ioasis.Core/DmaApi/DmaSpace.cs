using Ioasis.Core.Domains;
using Ioasis.Core.Iovas;
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
    internal DmaSpace(IovaSpace? iovas) => Iovas = iovas;

    /// <summary>Gives out addresses; null when addresses are those of the memory itself.</summary>
    internal IovaSpace? Iovas { get; }

    /// <summary>The page in bytes: what mappings consist of.</summary>
    public ulong PageSize => Iovas?.Granule ?? IovaAllocator.HostPageSize;

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
    internal virtual void Retire(in DmaRun run, ulong? iova, ulong length, ref DmaHold hold)
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

    /// <summary>
    /// As <see cref="Flush"/>, on a thread of the pool. A strict space has nothing to flush.
    /// </summary>
    /// <param name="token">Ends the wait. The flush is carried out nevertheless.</param>
    public virtual Task FlushAsync(CancellationToken token = default) => Task.CompletedTask;

    /// <summary>Bytes, rounded up to whole pages.</summary>
    internal ulong WholePages(ulong bytes) => (bytes + (PageSize - 1)) & ~(PageSize - 1);

    /// <summary>The pages around a buffer.</summary>
    /// <param name="iova">The I/O address of the first page.</param>
    /// <param name="address">The buffer's address in our own process.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="access">What devices may do.</param>
    /// <param name="ownsPages">As in <see cref="DmaRun"/>.</param>
    internal DmaRun RunAt(ulong iova, nint address, ulong length, MapAccess access, bool ownsPages)
    {
        ulong within = (ulong)address & (PageSize - 1), first = iova + within;
        return new DmaRun(new IovaRange(iova, iova + (WholePages(within + length) - 1)), address - (nint)within,
            access, new IovaRange(first, first + (length - 1)), ownsPages);
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
