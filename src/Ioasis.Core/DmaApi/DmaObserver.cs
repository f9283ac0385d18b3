using Ioasis.Memory;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// Sees what a driver does by the DMA API of a device, and decides nothing (<see cref="DmaDeviceOptions.Observer"/>). A
/// checker of drivers derives one.
/// </summary>
/// <remarks>
/// The driver's thread tells what it does. An observer calls nothing of the device that changes anything. What it
/// throws reaches the driver.
/// </remarks>
public abstract class DmaObserver
{
    /// <summary>Something was mapped.</summary>
    public virtual void OnMap(DmaDevice device, in DmaUse use)
    {
    }

    /// <summary>It is about to be unmapped. What a bounced buffer holds is not copied back yet.</summary>
    public virtual void OnUnmap(DmaDevice device, Iova first)
    {
    }

    /// <summary>It was unmapped.</summary>
    public virtual void OnUnmapped(DmaDevice device)
    {
    }

    /// <summary>A mapping is about to be synchronized.</summary>
    /// <param name="device">The device.</param>
    /// <param name="first">The mapping's first address.</param>
    /// <param name="forCpu">Whether the driver is to have the buffer, or the device.</param>
    /// <param name="isWhole">Whether all of the buffer is synchronized.</param>
    public virtual void OnSync(DmaDevice device, Iova first, bool forCpu, bool isWhole)
    {
    }

    /// <summary>It was synchronized.</summary>
    public virtual void OnSynced(DmaDevice device, Iova first, bool forCpu)
    {
    }

    /// <summary>The driver is about to be refused, by an exception or a status, because of a mistake.</summary>
    /// <param name="device">The device.</param>
    /// <param name="mistake">The mistake.</param>
    /// <param name="detail">Where: addresses and sizes.</param>
    public virtual void OnMistake(DmaDevice device, DmaMistake mistake, string detail)
    {
    }

    /// <summary>The driver has ended. What it left mapped is given back next.</summary>
    public virtual void OnRelease(DmaDevice device)
    {
    }
}

/// <summary>Something that a device can use.</summary>
/// <param name="Kind">What it was mapped by.</param>
/// <param name="First">The first address for the device.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Memory">The driver's own bytes, in our own process.</param>
/// <param name="Direction">Who writes it.</param>
/// <param name="Attributes">How it is mapped.</param>
/// <param name="IsBounced">Whether the device has a copy of the driver's bytes.</param>
/// <param name="IsConstant">Whether the driver's bytes are a string, which never changes.</param>
public readonly record struct DmaUse(
    DmaUseKind Kind, Iova First, ulong Length, Hva Memory, DmaDirection Direction, DmaAttributes Attributes,
    bool IsBounced, bool IsConstant)
{
    /// <summary>The driver's bytes as they are now. Only while it is mapped.</summary>
    /// <param name="bytes">At most <see cref="Length"/>.</param>
    public void Read(Span<byte> bytes) => HostMemory.Read((nint)Memory.Value, bytes);
}

/// <summary>What something is mapped by.</summary>
public enum DmaUseKind
{
    /// <summary><see cref="DmaDevice.Map(DmaMemory, DmaDirection, out DmaMapping)"/> and its relatives.</summary>
    Single,

    /// <summary>A piece of a scatter list.</summary>
    Scatter,

    /// <summary>Coherent memory.</summary>
    Coherent,

    /// <summary><see cref="DmaIovaRange.Link"/>.</summary>
    Linked,
}

/// <summary>A driver's mistake that the DMA API itself sees.</summary>
public enum DmaMistake
{
    /// <summary>A mapping is unmapped again.</summary>
    UnmapsTwice,

    /// <summary>A mapping is used that was unmapped.</summary>
    NotMapped,

    /// <summary>A part is synchronized that reaches beyond the mapping.</summary>
    SyncOutside,

    /// <summary>A piece of a scatter list is longer than the device takes a segment.</summary>
    SegmentTooLong,

    /// <summary>A segment of a scatter list crosses the device's boundary.</summary>
    SegmentAcrossBoundary,
}
