using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// A buffer that a device can use until it is unmapped. It is a value that may be copied: whichever copy is disposed
/// first unmaps, and using another one afterwards throws.
/// </summary>
public readonly struct DmaMapping : IDisposable, IEquatable<DmaMapping>
{
    private readonly DmaDevice? _device;
    private readonly int _slot;
    private readonly uint _generation;

    internal DmaMapping(DmaDevice device, int slot, uint generation, ulong iova)
    {
        (_device, _slot, _generation) = (device, slot, generation);
        Iova = iova;
    }

    private ulong Iova { get; }

    /// <summary>The device that it is for.</summary>
    /// <exception cref="InvalidOperationException">The mapping failed, and nobody looked at the answer.</exception>
    public DmaDevice Device => _device
        ?? throw new InvalidOperationException("Nothing is mapped: mapping failed, and its status was not looked at.");

    /// <summary>The address to tell the device.</summary>
    /// <exception cref="InvalidOperationException">The mapping failed, or was unmapped.</exception>
    public Iova Address
    {
        get
        {
            Device.Mapped(_slot, _generation);
            return new Iova(Iova);
        }
    }

    /// <summary>Bytes.</summary>
    /// <exception cref="InvalidOperationException">The mapping failed, or was unmapped.</exception>
    public ulong Length => Device.Mapped(_slot, _generation).Length;

    /// <summary>Who writes the buffer.</summary>
    /// <exception cref="InvalidOperationException">The mapping failed, or was unmapped.</exception>
    public DmaDirection Direction => Device.Mapped(_slot, _generation).Direction;

    /// <summary>The driver may look at what the device wrote (Linux: dma_sync_single_for_cpu).</summary>
    public void SyncForCpu() => Device.Sync(_slot, _generation, 0, null, forCpu: true);

    /// <summary>The same for a part.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The part reaches beyond the mapping.</exception>
    public void SyncForCpu(ulong offset, ulong length) => Device.Sync(_slot, _generation, offset, length, forCpu: true);

    /// <summary>The device may look at what the driver wrote (Linux: dma_sync_single_for_device).</summary>
    public void SyncForDevice() => Device.Sync(_slot, _generation, 0, null, forCpu: false);

    /// <summary>The same for a part.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The part reaches beyond the mapping.</exception>
    public void SyncForDevice(ulong offset, ulong length) =>
        Device.Sync(_slot, _generation, offset, length, forCpu: false);

    /// <summary>
    /// Unmaps. The driver may look at what the device wrote. In a strict space no access of the device is left.
    /// </summary>
    /// <exception cref="InvalidOperationException">It was unmapped already, or never mapped.</exception>
    public void Dispose() => Device.Unmap(_slot, _generation);

    /// <summary>Whether both are the same mapping.</summary>
    public bool Equals(DmaMapping other) =>
        _device == other._device && _slot == other._slot && _generation == other._generation;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is DmaMapping other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_device, _slot, _generation);

    /// <summary>Whether both are the same mapping.</summary>
    public static bool operator ==(DmaMapping left, DmaMapping right) => left.Equals(right);

    /// <summary>Whether they are not the same mapping.</summary>
    public static bool operator !=(DmaMapping left, DmaMapping right) => !left.Equals(right);
}
