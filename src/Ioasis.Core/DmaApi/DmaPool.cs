using System.Numerics;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// Small blocks of coherent memory of one size, such as descriptors (Linux: struct dma_pool). It keeps the pages that
/// it got until it is disposed.
/// </summary>
public sealed class DmaPool : IDisposable
{
    // Guards the blocks. Innermost.
    private readonly RankedLock _lock = new(LockRank.DmaPool);
    private readonly DmaDevice _device;
    private readonly uint _stride, _boundary;
    private readonly int _perPage, _perBoundary;
    private readonly List<DmaBuffer> _pages = [];
    private ulong[] _taken = []; // a bit each block
    private int[] _free = []; // the numbers of free blocks: the first _freeCount
    private int _freeCount;
    private bool _isDisposed;

    internal DmaPool(DmaDevice device, uint size, uint alignment, uint boundary)
    {
        ArgumentOutOfRangeException.ThrowIfZero(size);
        if (!BitOperations.IsPow2(alignment))
            throw new ArgumentOutOfRangeException(nameof(alignment), alignment, "It is a power of two.");
        ulong page = device.Space.PageSize;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, page);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(alignment, page);
        if (boundary != 0 && (!BitOperations.IsPow2(boundary) || boundary < size))
            throw new ArgumentOutOfRangeException(nameof(boundary), boundary,
                "It is a power of two of at least a block's size.");
        (_device, Size) = (device, size);
        _stride = (size + (alignment - 1)) & ~(alignment - 1);
        _boundary = (uint)(boundary == 0 ? page : Math.Min(boundary, page));
        _perBoundary = (int)((_boundary - size) / _stride) + 1;
        _perPage = (int)(page / _boundary) * _perBoundary;
    }

    /// <summary>Bytes of a block.</summary>
    public uint Size { get; }

    /// <summary>How many blocks the driver has.</summary>
    public int Live
    {
        get { using (_lock.Enter()) return (_pages.Count * _perPage) - _freeCount; }
    }

    /// <summary>Allocates a block (Linux: dma_pool_alloc). Its bytes are those of its last user, or zeros.</summary>
    /// <returns>What <see cref="DmaDevice.AllocateCoherent"/> says.</returns>
    public IommuStatus Allocate(out DmaPoolBlock block)
    {
        using (_lock.Enter())
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_freeCount != 0)
            {
                block = Take();
                return IommuStatus.Ok;
            }
        }

        return AllocateSlow(out block);
    }

    /// <summary>Allocates a block of zeros (Linux: dma_pool_zalloc).</summary>
    public IommuStatus AllocateZeroed(out DmaPoolBlock block)
    {
        IommuStatus status = Allocate(out block);
        if (status == IommuStatus.Ok) block.Clear();
        return status;
    }

    /// <summary>
    /// As <see cref="Allocate"/>, waiting for a block that is given back, or for addresses of another page.
    /// </summary>
    /// <exception cref="OperationCanceledException">The call was cancelled before there was a block.</exception>
    /// <exception cref="ObjectDisposedException">The pool or its device was disposed before there was a block.
    /// </exception>
    public ValueTask<(IommuStatus Status, DmaPoolBlock Block)> AllocateAsync(CancellationToken token = default)
    {
        if (token.IsCancellationRequested)
            return ValueTask.FromCanceled<(IommuStatus Status, DmaPoolBlock Block)>(token);
        IommuStatus status = Allocate(out DmaPoolBlock block);
        return status == IommuStatus.NoSpace ? AllocateLateAsync(token) : new((status, block));
    }

    /// <summary>Gives a block back (Linux: dma_pool_free).</summary>
    /// <exception cref="InvalidOperationException">It was given back already, or is another pool's.</exception>
    public void Free(DmaPoolBlock block)
    {
        using (_lock.Enter())
        {
            int number = block.Number;
            if (!ReferenceEquals(block.Pool, this) || (_taken[number >> 6] & (1UL << (number & 63))) == 0)
                throw new InvalidOperationException("The block is not one that the pool has given out.");
            _taken[number >> 6] &= ~(1UL << (number & 63));
            _free[_freeCount++] = number;
        }

        _device.Space.Iovas?.Room.Given();
    }

    /// <summary>Gives the pages back.</summary>
    /// <exception cref="InvalidOperationException">The driver still has blocks. Nothing was given back.</exception>
    public void Dispose()
    {
        using (_lock.Enter())
        {
            if (_isDisposed) return;
            int live = (_pages.Count * _perPage) - _freeCount;
            if (live != 0)
                throw new InvalidOperationException($"{live} blocks of {Size} bytes of the pool are in use.");
            _isDisposed = true;
        }

        foreach (DmaBuffer page in _pages) page.Dispose();
        _device.Space.Iovas?.Room.Given(); // who waits for a block finds the pool disposed
    }

    private ValueTask<(IommuStatus Status, DmaPoolBlock Block)> AllocateLateAsync(CancellationToken token) =>
        _device.WhenThereIsRoomAsync(_device.Space.PageSize, _device.CoherentMask,
            () => (Allocate(out DmaPoolBlock late), late), token);

    private DmaPoolBlock Take()
    {
        int number = _free[--_freeCount];
        _taken[number >> 6] |= 1UL << (number & 63);
        DmaBuffer page = _pages[number / _perPage];
        (uint part, uint within) = Math.DivRem((uint)(number % _perPage), (uint)_perBoundary);
        return new DmaPoolBlock(this, page, number, (part * _boundary) + (within * _stride));
    }

    private IommuStatus AllocateSlow(out DmaPoolBlock block)
    {
        block = default;
        IommuStatus status = _device.AllocateCoherent(_device.Space.PageSize, out DmaBuffer? page);
        if (status != IommuStatus.Ok) return status;
        using (_lock.Enter())
        {
            int first = _pages.Count * _perPage, all = first + _perPage;
            _pages.Add(page!);
            Array.Resize(ref _free, all);
            Array.Resize(ref _taken, (all + 63) >> 6);
            for (int number = all - 1; number >= first; number--) _free[_freeCount++] = number;
            block = Take();
            return IommuStatus.Ok;
        }
    }
}
