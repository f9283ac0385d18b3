using System.Diagnostics.CodeAnalysis;

namespace Ioasis.Memory;

/// <summary>
/// The memory of one process, addressed by that process's own virtual addresses (HVA). An access that the process
/// itself could not make fails; it never throws and never reaches other memory.
/// </summary>
public abstract class AddressSpace
{
    /// <summary>The process's ID; null if nobody knows it.</summary>
    public virtual int? Process => null;

    /// <summary>Announcements of changes of this memory, for accessors that must stay out meanwhile.</summary>
    internal MemoryChanges Changes { get; } = new();

    /// <summary>
    /// Copies bytes out of the process. False when a byte cannot be read or the process is gone; the contents of
    /// <paramref name="destination"/> are then undefined.
    /// </summary>
    public abstract bool TryRead(Hva source, Span<byte> destination);

    /// <summary>
    /// Copies bytes into the process. False when a byte cannot be written or the process is gone; some bytes may then
    /// have been written.
    /// </summary>
    public abstract bool TryWrite(Hva destination, ReadOnlySpan<byte> source);

    /// <summary>
    /// Whether the page at an address is present, so that an access would not fault it in. Also true if that is
    /// unknown. The answer may change at any time.
    /// </summary>
    internal virtual bool IsPresent(Hva address) => true;

    /// <summary>
    /// Faults in bytes that an access found missing, and waits for whoever provides them. False when nobody can; true
    /// when the access is worth another try.
    /// </summary>
    /// <param name="address">Address of the first byte.</param>
    /// <param name="length">Bytes, not 0.</param>
    /// <param name="write">Whether the access writes.</param>
    /// <param name="stop">Ends the wait.</param>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was cancelled.</exception>
    internal virtual bool TryBring(Hva address, ulong length, bool write, CancellationToken stop) => false;

    /// <summary>
    /// The location of the byte at an address, the same for every address that leads to it (Linux: get_user_pages);
    /// false when the process could not read the byte.
    /// </summary>
    public virtual bool TryLocate(Hva address, out MemoryLocation location)
    {
        Span<byte> one = stackalloc byte[1];
        location = new MemoryLocation(this, address.Value);
        return TryRead(address, one);
    }

    /// <summary>
    /// Finds the lowest mapping of the process that ends above an address (Linux: find_vma). False if there is none.
    /// Where nothing is known of the mappings, all memory is one that is shared.
    /// </summary>
    internal virtual bool TryFindMapping(Hva address, out ProcessMapping mapping)
    {
        mapping = new ProcessMapping(0, ulong.MaxValue, IsShared: true);
        return true;
    }

    /// <summary>
    /// Names a range of the process's memory for DMA, without a check: a mapping in a table that no device uses may
    /// name missing memory. <see cref="MemoryBacking.TryPopulate()"/> is the check. The range must not wrap.
    /// </summary>
    internal abstract MemoryBacking Reference(Hva start, ulong length, bool writable);

    /// <summary>
    /// Populates a range that is mapped in our own process at these very addresses, and holds its block once, without
    /// an object for the range. False, with nothing held, if the range is not mapped so or cannot be populated. Use
    /// <see cref="Reference(Hva, ulong, bool)"/> then.
    /// </summary>
    /// <param name="start">Its first address.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="held">A block that the caller already holds. It gets no further hold if it contains the
    /// range.</param>
    /// <param name="block">The block that contains the range.</param>
    internal virtual bool TryHold(Hva start, ulong length, HostBlock? held, [NotNullWhen(true)] out HostBlock? block)
    {
        block = null;
        return false;
    }

    /// <summary>
    /// Populates a range that is one mapping's of the process, and holds what it is once, without an object for the
    /// range: a file of which we have mapped all, or private memory. Null, with nothing held, if the range is not so or
    /// cannot be populated. May wait for memory: the caller holds no lock.
    /// </summary>
    /// <param name="start">Its first address, at a page.</param>
    /// <param name="length">Bytes, whole pages, not 0.</param>
    /// <param name="writable">Whether devices may write them.</param>
    internal virtual IHeldMemory? TryHoldMapped(Hva start, ulong length, bool writable) => null;

    /// <summary>
    /// Names a range that <see cref="TryHold"/> or <see cref="TryHoldMapped"/> populated, and takes over that hold.
    /// </summary>
    internal virtual MemoryBacking Reference(Hva start, ulong length, bool writable, IHeldMemory held) =>
        throw new NotSupportedException("Nothing of this memory was held.");

    /// <summary>
    /// As <see cref="Reference(Hva, ulong, bool)"/>, for memory that may also be a device's (a BAR that the process has
    /// mapped), if this kind of process can map one.
    /// </summary>
    internal virtual MemoryBacking ReferenceDevices(Hva start, ulong length, bool writable) =>
        Reference(start, length, writable);
}
