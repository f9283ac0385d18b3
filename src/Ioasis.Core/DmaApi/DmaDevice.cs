using Ioasis.Core.Domains;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// The DMA API of one device: what its driver maps memory by, whichever home the driver has (Linux: dma_map_single and
/// its relatives). All members may be called from several threads.
/// </summary>
/// <remarks>
/// A mapping that fails is a status, since a driver has to expect it: <see cref="IommuStatus.NoSpace"/> when no address
/// below the device's mask is free, for instance. A driver's mistake is an exception.
/// </remarks>
public sealed partial class DmaDevice : IDisposable
{
    /// <summary>The largest buffer that is bounced: 128 slots of 2 KiB, as Linux's swiotlb has.</summary>
    public const ulong MaxBounce = 256 * 1024;

    private const int DefaultMaskBits = 32;
    private const ulong IdentityLast = (1UL << 47) - 1;

    // Guards the buffers and lists. Innermost.
    private readonly RankedLock _lock = new(LockRank.DmaDevice);
    private readonly HashSet<IDmaHolder> _holders = [];
    private readonly DmaSlots _slots = new();
    private readonly DmaDeviceOptions _options;
    private readonly IovaRoom? _room; // null where addresses are the memory's own
    private ulong _mask = MaskOf(DefaultMaskBits), _coherentMask = MaskOf(DefaultMaskBits);
    private ulong _minAlignMask;
    private volatile bool _is32Exhausted; // addresses above 4 GiB are used from now on
    private long _outsideWrites;
    private int _isDisposed;

    /// <summary>Begins to map for a device.</summary>
    /// <param name="space">The addresses and the page table that the device is attached to.</param>
    /// <param name="name">What to call the device, in messages.</param>
    /// <param name="options">How it behaves.</param>
    public DmaDevice(DmaSpace space, string name, DmaDeviceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(space);
        ArgumentNullException.ThrowIfNull(name);
        (Space, Name) = (space, name);
        _options = options ?? new DmaDeviceOptions();
        Observer = _options.Observer;
        _room = space.Iovas?.Room;
        _pageShift = System.Numerics.BitOperations.TrailingZeroCount(space.PageSize);
        space.Add(this);
        // An observed device has no fast path, so that the fast path need not ask.
        if (_options.BouncesAlways || Observer is not null) return;
        if (space is not DmaDomain { Iovas: { } iovas } domain) return;
        _paging = domain;
        iovas.Add(this);
    }

    /// <summary>The addresses, and the page table behind them.</summary>
    public DmaSpace Space { get; }

    /// <summary>Sees what the driver does; null for nobody.</summary>
    internal DmaObserver? Observer { get; }

    /// <summary>What the device is called.</summary>
    public string Name { get; }

    /// <summary>The longest segment of a scatter list in bytes (Linux: dma_set_max_seg_size).</summary>
    public uint MaxSegmentSize { get; set; } = 64 * 1024;

    /// <summary>
    /// A segment of a scatter list crosses no multiple of this plus 1, a power of two (Linux: dma_set_seg_boundary).
    /// </summary>
    public ulong SegmentBoundary { get; set; } = uint.MaxValue;

    /// <summary>
    /// Which low bits of a buffer's own address its I/O address must keep (Linux: dma_set_min_align_mask).
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is more than those within a page, which mappings keep.
    /// </exception>
    public ulong MinAlignMask
    {
        get => _minAlignMask;
        set
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, Space.PageSize - 1);
            _minAlignMask = value;
        }
    }

    /// <summary>The last address that the device can use for streaming mappings.</summary>
    public ulong Mask => _mask;

    /// <summary>The last address that the device can use for coherent memory.</summary>
    public ulong CoherentMask => _coherentMask;

    /// <summary>The largest buffer that can be mapped (Linux: dma_max_mapping_size).</summary>
    public ulong MaxMappingSize => NeedsSync ? MaxBounce : ulong.MaxValue;

    /// <summary>Up to this size mapping is fast: addresses come from a cache (Linux: dma_opt_mapping_size).</summary>
    public ulong OptimalMappingSize => Math.Min(MaxMappingSize, Space.PageSize << IovaCaches.MaxOrder);

    /// <summary>Pieces that meet at multiples of this plus 1 become one segment (Linux: dma_get_merge_boundary).
    /// </summary>
    public ulong MergeBoundary => Space.Iovas is null || _options.BouncesAlways ? 0 : Space.PageSize - 1;

    /// <summary>Whether syncs do anything. If not, a driver may leave them out (Linux: dma_need_sync).</summary>
    public bool NeedsSync => _options.BouncesAlways || !Space.MapsAnyMemory;

    /// <summary>How many mappings, buffers, lists and address ranges the driver has.</summary>
    public int Live
    {
        get
        {
            int live = 0;
            for (int i = 0, count = _slots.Count; i < count; i++) live += (int)(_slots.At(i).Generation & 1);
            using (_lock.Enter()) return live + _holders.Count;
        }
    }

    /// <summary>
    /// How many bounced buffers the device wrote beside, on their pages. A space that bounds mappings by bytes refuses
    /// that instead.
    /// </summary>
    public long OutsideWrites => Interlocked.Read(ref _outsideWrites);

    /// <summary>Says which addresses the device can use (Linux: dma_set_mask).</summary>
    /// <param name="bits">Of an address: 1 to 64.</param>
    /// <returns><see cref="IommuStatus.DeviceError"/> when the device could not reach all memory where addresses are
    /// the memory's own. Otherwise every mask is taken, and mapping fails later when no address is free.</returns>
    public IommuStatus SetMask(int bits)
    {
        IommuStatus status = CheckMask(bits);
        if (status == IommuStatus.Ok) _mask = MaskOf(bits);
        return status;
    }

    /// <summary>The same for coherent memory (Linux: dma_set_coherent_mask).</summary>
    public IommuStatus SetCoherentMask(int bits)
    {
        IommuStatus status = CheckMask(bits);
        if (status == IommuStatus.Ok) _coherentMask = MaskOf(bits);
        return status;
    }

    /// <summary>Both (Linux: dma_set_mask_and_coherent).</summary>
    public IommuStatus SetMaskAndCoherent(int bits)
    {
        IommuStatus status = SetMask(bits);
        return status == IommuStatus.Ok ? SetCoherentMask(bits) : status;
    }

    /// <summary>
    /// Ends the driver's use of the device, which is stopped by now. What the driver forgot to give back is given back,
    /// and told as a leak.
    /// </summary>
    /// <exception cref="InvalidOperationException">The driver forgot something.</exception>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        _room?.Given(); // who waits for room finds the device disposed
        Observer?.OnRelease(this);
        int leaks = 0;
        string? one = null;
        for (int i = 0; i < _slots.Count; i++)
        {
            ref DmaSlot slot = ref _slots.At(i);
            if ((slot.Generation & 1) == 0) continue;
            leaks++;
            one ??= $"{slot.Length} bytes at IOVA 0x{slot.Iova:x} ({slot.Direction})";
            Unmap(i, slot.Generation);
        }

        IDmaHolder[] holders;
        using (_lock.Enter()) holders = [.. _holders];
        foreach (IDmaHolder holder in holders)
        {
            leaks++;
            one ??= holder.ToString();
            holder.Dispose();
        }

        Space.Flush();
        if (_paging is not null)
        {
            ((IIovaHolder)this).GiveBackFree();
            Space.Iovas!.Remove(this);
        }

        Space.Remove(this);
        if (leaks > 0)
            throw new InvalidOperationException(
                $"The driver of {Name} left {leaks} mapping{(leaks == 1 ? "" : "s")}, one of them {one}.");
    }

    /// <summary>Allocates addresses: below 4 GiB as long as there is room.</summary>
    internal bool TryAllocate(ulong length, ulong mask, out ulong iova)
    {
        IovaSpace iovas = Space.Iovas!;
        if (mask > IovaSpace.Last32 && UsesOnly32Bits)
        {
            if (iovas.TryAllocate(length, IovaSpace.Last32, out iova)) return true;
            _is32Exhausted = true;
            _isScarce = false;
        }

        return iovas.TryAllocate(length, mask, out iova);
    }

    /// <summary>The run that has an address.</summary>
    internal bool TryFindRun(ulong address, out DmaRun run)
    {
        for (int i = 0, count = _slots.Count; i < count; i++)
        {
            ref DmaSlot slot = ref _slots.At(i);
            if ((slot.Generation & 1) == 0) continue;
            run = RunOf(in slot);
            if (run.Range.First <= address && address <= run.Range.Last) return true;
        }

        using (_lock.Enter())
            foreach (IDmaHolder holder in _holders)
                if (holder.TryFindRun(address, out run)) return true;
        run = default;
        return false;
    }

    private DmaRun RunOf(in DmaSlot slot)
    {
        if (slot.Node is not { } node) return slot.Rest?.Run ?? default;
        var entry = new MapEntry(Volatile.Read(ref node.Value[IndexOf(in slot)]));
        return entry.IsMapped
            ? Space.RunAt(slot.First, entry.Delta + (nint)slot.Iova, slot.Length, entry.Access, ownsPages: true)
            : default;
    }

    internal void Add(IDmaHolder holder)
    {
        using (_lock.Enter()) _holders.Add(holder);
    }

    internal void Remove(IDmaHolder holder)
    {
        using (_lock.Enter()) _holders.Remove(holder);
    }

    private bool UsesOnly32Bits => !_is32Exhausted && !_options.Uses64BitsAtOnce;

    private static ulong MaskOf(int bits) => bits == 64 ? ulong.MaxValue : (1UL << bits) - 1;

    private IommuStatus CheckMask(int bits)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bits, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bits, 64);
        return Space.Iovas is null && MaskOf(bits) < IdentityLast ? IommuStatus.DeviceError : IommuStatus.Ok;
    }
}
