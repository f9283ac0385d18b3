using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <summary>A piece of memory in a scatter list.</summary>
/// <param name="Memory">Native memory.</param>
/// <param name="Offset">Its first byte.</param>
/// <param name="Length">Bytes, not 0.</param>
public readonly record struct DmaPiece(DmaMemory Memory, ulong Offset, ulong Length);

/// <summary>Addresses that a device uses one after the other.</summary>
/// <param name="Address">The first.</param>
/// <param name="Length">Bytes.</param>
public readonly record struct DmaSegment(Iova Address, ulong Length);

/// <summary>
/// A scatter list that a device can use until it is unmapped (Linux: dma_map_sgtable). It knows its pieces, so
/// unmapping takes neither their number nor that of the segments.
/// </summary>
public sealed class DmaScatterMapping : IDmaHolder
{
    private readonly DmaDevice _device;
    private readonly DmaRun[] _runs;
    private readonly DmaHold[] _holds;
    private readonly DmaMapping[] _single; // where each piece is mapped by itself
    private readonly ulong _iova, _length; // the allocation
    private int _isDisposed;

    internal DmaScatterMapping(
        DmaDevice device, DmaSegment[] segments, DmaDirection direction, DmaRun[] runs, DmaHold[] holds,
        DmaMapping[] single, ulong iova, ulong length)
    {
        (_device, Segments, Direction) = (device, segments, direction);
        (_runs, _holds, _single, _iova, _length) = (runs, holds, single, iova, length);
    }

    /// <summary>What to tell the device: never more segments than there are pieces.</summary>
    public IReadOnlyList<DmaSegment> Segments { get; }

    /// <summary>Who writes the memory.</summary>
    public DmaDirection Direction { get; }

    /// <summary>The driver may look at what the device wrote (Linux: dma_sync_sgtable_for_cpu).</summary>
    public void SyncForCpu()
    {
        Tell(forCpu: true);
        foreach (DmaMapping one in _single) one.SyncForCpu();
    }

    /// <summary>The device may look at what the driver wrote (Linux: dma_sync_sgtable_for_device).</summary>
    public void SyncForDevice()
    {
        Tell(forCpu: false);
        foreach (DmaMapping one in _single) one.SyncForDevice();
    }

    /// <summary>Unmaps all pieces (Linux: dma_unmap_sgtable).</summary>
    /// <exception cref="InvalidOperationException">They were unmapped already.</exception>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            _device.Observer?.OnMistake(_device, DmaMistake.UnmapsTwice, ToString());
            throw new InvalidOperationException("The list was unmapped already.");
        }

        _device.Remove(this);
        foreach (DmaMapping one in _single) one.Dispose();
        if (_runs.Length == 0) return;
        if (_device.Observer is { } observer)
            foreach (DmaRun run in _runs) observer.OnUnmap(_device, new Iova(run.Buffer.First));
        if (Direction != DmaDirection.None) _device.Space.Unmap([.. _runs.Select(r => r.Range)]);
        foreach (ref DmaHold hold in _holds.AsSpan()) hold.Release();
        _device.Space.Iovas!.Free(_iova, _length);
    }

    // Where pieces are mapped together, memory is coherent, and nothing is to be done.
    private void Tell(bool forCpu)
    {
        if (_device.Observer is not { } observer) return;
        foreach (DmaRun run in _runs)
        {
            observer.OnSync(_device, new Iova(run.Buffer.First), forCpu, isWhole: true);
            observer.OnSynced(_device, new Iova(run.Buffer.First), forCpu);
        }
    }

    bool IDmaHolder.TryFindRun(ulong address, out DmaRun run)
    {
        run = Array.Find(_runs, r => r.Range.First <= address && address <= r.Range.Last);
        return run.Page != 0;
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"a scatter list of {Segments.Count} segments, the first at IOVA 0x{Segments[0].Address.Value:x}";
}
