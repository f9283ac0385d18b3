using System.Numerics;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// Small blocks of coherent memory of one size, such as descriptors (Linux: struct dma_pool). It keeps the pages that
/// it got until it is disposed.
/// </summary>
public sealed class DmaPool : IDisposable
{
    private const int Moved = 32; // blocks that go to a thread, or come from there, at once

    // Guards the pages and the blocks that no thread keeps. Innermost.
    private readonly RankedLock _lock = new(LockRank.DmaPool);
    private readonly DmaDevice _device;
    private readonly PerThread<LocalBlocks> _local = new();
    private readonly uint[] _offsets; // of the blocks of a page
    private readonly int _pageBits; // of a block's number: which of its page's it is
    private DmaPoolPage[] _pages = [];
    private int[] _free = []; // the numbers of blocks that no thread keeps: the first _freeCount
    private int _freeCount;
    private volatile bool _isDisposed;

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
        uint stride = (size + (alignment - 1)) & ~(alignment - 1);
        uint part = (uint)(boundary == 0 ? page : Math.Min(boundary, page));
        int perPart = (int)((part - size) / stride) + 1;
        _offsets = new uint[(int)(page / part) * perPart];
        for (int i = 0; i < _offsets.Length; i++)
            _offsets[i] = ((uint)(i / perPart) * part) + ((uint)(i % perPart) * stride);
        _pageBits = BitOperations.Log2((uint)(_offsets.Length - 1)) + 1;
    }

    /// <summary>Bytes of a block.</summary>
    public uint Size { get; }

    /// <summary>How many blocks the driver has.</summary>
    public int Live
    {
        get
        {
            int live = 0;
            foreach (DmaPoolPage page in Volatile.Read(ref _pages)) live += page.Live;
            return live;
        }
    }

    /// <summary>Allocates a block (Linux: dma_pool_alloc). Its bytes are those of its last user, or zeros.</summary>
    /// <returns>What <see cref="DmaDevice.AllocateCoherent"/> says.</returns>
    public IommuStatus Allocate(out DmaPoolBlock block)
    {
        DriverThread thread = DriverThread.Enter();
        int number = !_isDisposed && _local.Of(thread) is { } local ? local.Free.Take() : -1;
        if (number < 0)
        {
            thread.Leave();
            return AllocateSlow(out block);
        }

        block = Take(number);
        thread.Leave();
        return IommuStatus.Ok;
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
        if (!ReferenceEquals(block.Pool, this) || !block.Page.TryGive(block.Number & Mask))
            throw new InvalidOperationException("The block is not one that the pool has given out.");
        DriverThread thread = DriverThread.Enter();
        bool isFree = _local.Of(thread) is { } local && local.Free.TryAdd(block.Number);
        thread.Leave();
        if (!isFree) Keep([block.Number]);
        _device.Space.Iovas?.Room.Given();
    }

    /// <summary>Gives the pages back.</summary>
    /// <exception cref="InvalidOperationException">The driver still has blocks. Nothing was given back.</exception>
    public void Dispose()
    {
        int live;
        using (DriverThread.StopAll())
        {
            if (_isDisposed) return;
            live = Live;
            _isDisposed = live == 0;
        }

        if (live != 0) throw new InvalidOperationException($"{live} blocks of {Size} bytes of the pool are in use.");
        foreach (DmaPoolPage page in _pages) page.Buffer.Dispose();
        _device.Space.Iovas?.Room.Given(); // whoever waits for a block finds the pool disposed
    }

    private ValueTask<(IommuStatus Status, DmaPoolBlock Block)> AllocateLateAsync(CancellationToken token) =>
        _device.WhenThereIsRoomAsync(_device.Space.PageSize, _device.CoherentMask,
            () => (Allocate(out DmaPoolBlock late), late), token);

    private int Mask => (1 << _pageBits) - 1;

    private DmaPoolBlock Take(int number)
    {
        int index = number & Mask;
        DmaPoolPage page = _pages[number >> _pageBits];
        page.Take(index);
        return new DmaPoolBlock(this, page, number, _offsets[index]);
    }

    private IommuStatus AllocateSlow(out DmaPoolBlock block)
    {
        Span<int> some = stackalloc int[Moved];
        while (true)
        {
            int count;
            using (_lock.Enter())
            {
                ObjectDisposedException.ThrowIf(_isDisposed, this);
                count = Math.Min(_freeCount, some.Length);
                _freeCount -= count;
                _free.AsSpan(_freeCount, count).CopyTo(some);
                block = count == 0 ? default : Take(some[count - 1]);
            }

            if (count != 0)
            {
                if (count > 1) Keep(some[..(count - 1)]);
                return IommuStatus.Ok;
            }

            IommuStatus status = _device.AllocateCoherent(_device.Space.PageSize, out DmaBuffer? page);
            if (status == IommuStatus.NoSpace && TakeBack()) continue;
            if (status != IommuStatus.Ok) return status;
            using (_lock.Enter())
            {
                int first = _pages.Length << _pageBits;
                Volatile.Write(ref _pages, [.. _pages, new DmaPoolPage(page!, _offsets.Length)]);
                MakeRoom(_offsets.Length);
                for (int i = _offsets.Length - 1; i >= 0; i--) _free[_freeCount++] = first + i;
            }
        }
    }

    /// <summary>Makes room in the list of free blocks. With the lock held.</summary>
    private void MakeRoom(int blocks)
    {
        if (_free.Length - _freeCount < blocks)
            Array.Resize(ref _free, Math.Max(2 * _free.Length, _freeCount + blocks));
    }

    /// <summary>Gives free blocks to the thread; the others get those that it has no room for.</summary>
    private void Keep(ReadOnlySpan<int> numbers)
    {
        Span<int> surplus = stackalloc int[Moved];
        int moved = 0;
        DriverThread thread = _local.Enter(out LocalBlocks local);
        foreach (int number in numbers)
        {
            if (local.Free.TryAdd(number)) continue;
            moved = local.Free.TakeOldest(surplus); // once: there is room for as many then
            local.Free.TryAdd(number);
        }

        thread.Leave();
        if (moved != 0) Share(surplus[..moved]);
        _device.Space.Iovas?.Room.Given();
    }

    /// <summary>Takes the free blocks back that threads keep; false if they keep none.</summary>
    private bool TakeBack()
    {
        List<int> all = [];
        using (DriverThread.StopAll())
        {
            foreach (LocalBlocks? local in _local.All)
            {
                if (local is null) continue;
                for (int number = local.Free.Take(); number >= 0; number = local.Free.Take()) all.Add(number);
            }
        }

        Share([.. all]);
        return all.Count != 0;
    }

    private void Share(ReadOnlySpan<int> numbers)
    {
        using (_lock.Enter())
        {
            MakeRoom(numbers.Length);
            numbers.CopyTo(_free.AsSpan(_freeCount));
            _freeCount += numbers.Length;
        }
    }

    /// <summary>The free blocks that a thread keeps.</summary>
    private sealed class LocalBlocks
    {
        private readonly NumberList[] _lists = new NumberList[NumberList.Margin + 1 + NumberList.Margin];

        public LocalBlocks() => _lists[NumberList.Margin] = new NumberList(2 * Moved);

        internal ref NumberList Free => ref _lists[NumberList.Margin];
    }
}
