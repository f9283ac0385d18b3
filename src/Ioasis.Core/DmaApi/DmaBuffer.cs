using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// Coherent memory: a driver and its device see each other's writes at once, without syncs (Linux:
/// dma_alloc_coherent). It begins as zeros, and lasts until it is disposed.
/// </summary>
public sealed class DmaBuffer : IDmaHolder
{
    private readonly DmaDevice _device;
    private readonly DmaMemory _memory;
    private readonly ulong _mapped; // bytes of addresses
    private DmaHold _hold;
    private DmaRun _run;
    private int _isDisposed;

    internal DmaBuffer(DmaDevice device, DmaMemory memory, ulong length, ulong mapped, in DmaRun run)
    {
        (_device, _memory, _mapped, _run, Length) = (device, memory, mapped, run, length);
        _hold = new DmaHold(memory);
        Address = new Iova(device.Space.Iovas is null ? (ulong)memory.Bytes.Address : run.Range.First);
    }

    /// <summary>The address to tell the device.</summary>
    public Iova Address { get; }

    /// <summary>Bytes.</summary>
    public ulong Length { get; }

    /// <summary>The same bytes for the driver.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was given back.</exception>
    public SharedBytes Bytes
    {
        get
        {
            ObjectDisposedException.ThrowIf(_isDisposed != 0, this);
            return _memory.Bytes;
        }
    }

    /// <summary>
    /// Takes the buffer from the device, and gives the memory back when the device cannot use it any more.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        _device.Remove(this);
        _device.Observer?.OnUnmap(_device, Address);
        if (_device.Space.Iovas is null) _hold.Release();
        else _device.Space.Retire(in _run, _run.Range.First, _mapped, ref _hold);
        _memory.Dispose();
    }

    bool IDmaHolder.TryFindRun(ulong address, out DmaRun run)
    {
        run = _run;
        return _device.Space.Iovas is not null && run.Range.First <= address && address <= run.Range.Last;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Length} bytes of coherent memory at IOVA 0x{Address.Value:x}";
}
