using Ioasis.Memory;

namespace Ioasis.Devices;

/// <summary>
/// An mdev that is nothing but software: no IOMMU is between it and memory. It serves each access to its regions by
/// itself, configuration space included, and reaches memory as the program's IOAS maps it (<see cref="IMdevSlot"/>).
/// </summary>
/// <remarks>
/// The host makes one call at a time, but for <see cref="Unmapped"/>, which comes from any thread at any time. Nothing
/// that a program writes may make an mdev throw.
/// </remarks>
public abstract class EmulatedMdev : Mdev
{
    /// <summary>Index of the region that is configuration space.</summary>
    public const int ConfigRegion = 7;

    /// <summary>
    /// Sizes in bytes of the nine regions of a PCI function: BARs 0 to 5, the ROM, configuration space, VGA. 0 is none.
    /// Any size will do: an I/O BAR of 8 bytes, a configuration space of 255. Nothing can be mapped.
    /// </summary>
    public abstract IReadOnlyList<ulong> RegionSizes { get; }

    /// <summary>Whether it has an INTx interrupt, which masks itself when it fires.</summary>
    public virtual bool HasInterruptPin => false;

    /// <summary>Number of MSI vectors; 0 for none.</summary>
    public virtual int MsiVectors => 0;

    /// <summary>Whether <see cref="Unmapped"/> does anything. Without it the mdev cannot pin pages.</summary>
    public virtual bool IsToldOfUnmaps => false;

    /// <summary>A program begins to use the mdev, which is as after a reset.</summary>
    /// <param name="slot">The way to interrupts and memory, until <see cref="Close"/>.</param>
    public abstract void Open(IMdevSlot slot);

    /// <summary>The program has gone. The mdev uses its slot no more when this returns.</summary>
    public abstract void Close();

    /// <summary>Resets the mdev: its work ends, its registers have their first values.</summary>
    public abstract void Reset();

    /// <summary>Reads from a region, within its size.</summary>
    /// <param name="region">Index, 0 to 8.</param>
    /// <param name="offset">A multiple of <paramref name="width"/>.</param>
    /// <param name="width">1, 2 or 4 bytes. The host splits other accesses.</param>
    /// <returns>The value, little-endian, zero-extended.</returns>
    public abstract uint Read(int region, ulong offset, int width);

    /// <summary>Writes to a region; as <see cref="Read"/>.</summary>
    public abstract void Write(int region, ulong offset, int width, uint value);

    /// <summary>
    /// Called before addresses stop being mapped: they are unmapped, or, with the whole address space, the mdev is
    /// detached. When this returns no page there is pinned any more (Linux: dma_unmap). It takes no lock that is held
    /// while a method of the slot is called.
    /// </summary>
    /// <param name="first">The first address.</param>
    /// <param name="length">Number of bytes; all ones for the whole address space.</param>
    public virtual void Unmapped(Iova first, ulong length)
    {
    }
}

/// <summary>What an <see cref="EmulatedMdev"/> reaches while a program uses it. Thread-safe.</summary>
public interface IMdevSlot
{
    /// <summary>Raises INTx, if the program listens to it and has not masked it. It masks itself.</summary>
    void RaiseInterrupt();

    /// <summary>Raises an MSI vector; false if the program has not enabled MSI.</summary>
    bool RaiseMessage(int vector);

    /// <summary>Reads memory at any alignment, without pinning it; false if some byte cannot be read.</summary>
    bool TryRead(Iova iova, Span<byte> destination);

    /// <summary>Writes memory at any alignment, without pinning it; false if some byte cannot be written.</summary>
    bool TryWrite(Iova iova, ReadOnlySpan<byte> source);

    /// <summary>
    /// Pins pages: until they are unpinned their memory stays, whatever the program does with its own mappings. All or
    /// none.
    /// </summary>
    /// <param name="iova">An address in the first page.</param>
    /// <param name="pages">Number of pages, at least 1.</param>
    /// <param name="forWriting">Whether they will be written.</param>
    /// <param name="pinned">The pages.</param>
    bool TryPin(Iova iova, int pages, bool forWriting, out IPinnedPages? pinned);
}

/// <summary>Pages that an <see cref="EmulatedMdev"/> has pinned; disposing unpins them.</summary>
public interface IPinnedPages : IDisposable
{
    /// <summary>Address of the first byte.</summary>
    Iova First { get; }

    /// <summary>Number of bytes.</summary>
    ulong Length { get; }

    /// <summary>Copies bytes out of the pages; false if they are not accessible, or not within the pages.</summary>
    bool TryRead(ulong offset, Span<byte> destination);

    /// <summary>Copies bytes into the pages; false if they are not writable, or not within the pages.</summary>
    bool TryWrite(ulong offset, ReadOnlySpan<byte> source);
}
