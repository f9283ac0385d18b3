using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// A range of a device's addresses to which buffers are linked one by one (Linux: struct dma_iova_state). A storage
/// driver allocates one for a whole request.
/// </summary>
public sealed class DmaIovaRange : IDmaHolder
{
    private readonly DmaDevice _device;
    private readonly ulong _first, _length;
    private readonly List<LinkedRun> _links = [];
    private bool _isDisposed;

    internal DmaIovaRange(DmaDevice device, ulong first, ulong length) =>
        (_device, _first, _length) = (device, first, length);

    /// <summary>The first address.</summary>
    public Iova Address => new(_first);

    /// <summary>Bytes, whole pages.</summary>
    public ulong Length => _length;

    /// <summary>
    /// Links a part of native memory (Linux: dma_iova_link). The device can use it when this returns.
    /// </summary>
    /// <param name="offset">Where in the range, at a page's begin. A first part keeps its offset within its page: it
    /// is at <see cref="Address"/> plus that.</param>
    /// <param name="memory">The memory.</param>
    /// <param name="from">Its first byte; at a page's begin unless <paramref name="offset"/> is 0.</param>
    /// <param name="length">Bytes; whole pages unless it is the last part.</param>
    /// <param name="direction">Who writes it.</param>
    /// <returns>Invalid when it does not begin at a page's begin or does not fit; Exists when something is linked
    /// there; what the space says.</returns>
    public IommuStatus Link(ulong offset, DmaMemory memory, ulong from, ulong length, DmaDirection direction)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        DmaDevice.CheckPart(memory, from, length);
        ulong page = _device.Space.PageSize, within = from & (page - 1);
        if ((offset & (page - 1)) != 0 || (within != 0 && offset != 0)) return IommuStatus.Invalid;
        ulong whole = _device.Space.WholePages(within + length);
        if (offset > _length || whole > _length - offset) return IommuStatus.Invalid;
        DmaRun run = _device.Space.RunAt(_first + offset, memory.Bytes.Address + (nint)from, length,
            DmaDirections.AccessOf(direction), ownsPages: true);
        if (_links.Exists(l => l.Run.Range.Overlaps(run.Range))) return IommuStatus.Exists;
        IommuStatus status = _device.Space.Map(in run);
        if (status != IommuStatus.Ok) return status;
        _links.Add(new LinkedRun(run, new DmaHold(memory)));
        _device.Observer?.OnMap(_device, new DmaUse(DmaUseKind.Linked, new Iova(run.Buffer.First), length,
            new Hva((ulong)memory.Bytes.Address + from), direction, DmaAttributes.None, IsBounced: false,
            IsConstant: false));
        return status;
    }

    /// <summary>Takes all buffers out; the addresses can be linked again (Linux: dma_iova_unlink).</summary>
    public void Unlink()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        TakeOut();
    }

    /// <summary>Takes all buffers out, and gives the addresses back (Linux: dma_iova_destroy).</summary>
    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        TakeOut();
        _device.Remove(this);
        _device.Space.Iovas!.Free(_first, _length);
    }

    bool IDmaHolder.TryFindRun(ulong address, out DmaRun run)
    {
        run = _links.Find(l => l.Run.Range.First <= address && address <= l.Run.Range.Last)?.Run ?? default;
        return run.Page != 0;
    }

    /// <inheritdoc/>
    public override string ToString() => $"0x{_length:x} bytes of addresses at IOVA 0x{_first:x}";

    private void TakeOut()
    {
        if (_links.Count == 0) return;
        if (_device.Observer is { } observer)
            foreach (LinkedRun link in _links) observer.OnUnmap(_device, new Iova(link.Run.Buffer.First));
        _device.Space.Unmap([.. _links.Select(l => l.Run.Range)]);
        foreach (LinkedRun link in _links) link.Hold.Release();
        _links.Clear();
    }

    private sealed class LinkedRun(DmaRun run, DmaHold hold)
    {
        private DmaHold _hold = hold;

        internal DmaRun Run => run;

        internal ref DmaHold Hold => ref _hold;
    }
}
