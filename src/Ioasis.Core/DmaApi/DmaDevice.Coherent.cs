using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <content>Coherent memory, and addresses by themselves.</content>
public sealed partial class DmaDevice
{
    /// <summary>Allocates coherent memory: zeroed, in whole pages, aligned to its size.</summary>
    /// <param name="length">Bytes, not 0.</param>
    /// <param name="buffer">The memory, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns>NoSpace when no address below <see cref="CoherentMask"/> is free; what the space says.</returns>
    public IommuStatus AllocateCoherent(ulong length, out DmaBuffer? buffer)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ObjectDisposedException.ThrowIf(_isDisposed != 0, this);
        buffer = null;
        DmaMemory memory = Space.AllocateMemory(length);
        ulong whole = memory.Length;
        DmaRun run = default;
        IommuStatus status = IommuStatus.Ok;
        if (Space.Iovas is null)
        {
            if ((ulong)memory.Bytes.Address + (whole - 1) > _coherentMask) status = IommuStatus.NoSpace;
        }
        else if (!TryAllocate(whole, _coherentMask, out ulong iova))
        {
            status = IommuStatus.NoSpace;
        }
        else
        {
            run = Space.RunAt(iova, memory.Bytes.Address, whole, MapAccess.ReadWrite, ownsPages: true);
            status = Space.Map(in run);
            if (status != IommuStatus.Ok) Space.Iovas.Free(iova, whole);
        }

        if (status != IommuStatus.Ok)
        {
            memory.Dispose();
            return status;
        }

        buffer = new DmaBuffer(this, memory, length, whole, in run);
        Add(buffer);
        Observer?.OnMap(this, new DmaUse(DmaUseKind.Coherent, buffer.Address, length,
            new Hva((ulong)memory.Bytes.Address), DmaDirection.Bidirectional, DmaAttributes.None, IsBounced: false,
            IsConstant: false));
        return IommuStatus.Ok;
    }

    /// <summary>Makes a pool of small blocks of coherent memory (Linux: dma_pool_create).</summary>
    /// <param name="size">Bytes of a block, at most a page.</param>
    /// <param name="alignment">Of a block, a power of two.</param>
    /// <param name="boundary">A block crosses no multiple of this, a power of two; 0 for a page.</param>
    public DmaPool CreatePool(uint size, uint alignment, uint boundary = 0) => new(this, size, alignment, boundary);

    /// <summary>
    /// Allocates addresses without memory, for linking several buffers to one range (Linux: dma_iova_try_alloc).
    /// </summary>
    /// <param name="length">Bytes, not 0.</param>
    /// <param name="range">The addresses, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns>NotSupported where addresses are the memory's own, or where buffers are bounced: a driver maps each
    /// buffer by itself then. NoSpace when no address below the mask is free.</returns>
    public IommuStatus AllocateIova(ulong length, out DmaIovaRange? range)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ObjectDisposedException.ThrowIf(_isDisposed != 0, this);
        range = null;
        if (Space.Iovas is null || _options.BouncesAlways) return IommuStatus.NotSupported;
        if (length > ulong.MaxValue - (2 * Space.PageSize)) return IommuStatus.Overflow;
        ulong whole = Space.WholePages(length);
        if (!TryAllocate(whole, _mask, out ulong iova)) return IommuStatus.NoSpace;
        range = new DmaIovaRange(this, iova, whole);
        Add(range);
        return IommuStatus.Ok;
    }
}
