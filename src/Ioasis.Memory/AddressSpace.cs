using System.Diagnostics.CodeAnalysis;

namespace Ioasis.Memory;

/// <summary>
/// The memory of one process, named by that process's own addresses (HVA). An access that the process itself could not
/// make fails; it never throws and never reaches other memory.
/// </summary>
public abstract class AddressSpace
{
    /// <summary>When it is changed, for who has to keep out of that.</summary>
    public MemoryChanges Changes { get; } = new();

    /// <summary>
    /// Copies bytes out of the process. False, with the contents of <paramref name="destination"/> undefined, when any
    /// byte cannot be read or the process is gone.
    /// </summary>
    public abstract bool TryRead(Hva source, Span<byte> destination);

    /// <summary>
    /// Copies bytes into the process. False when any byte cannot be written or the process is gone; some may then have
    /// been written.
    /// </summary>
    public abstract bool TryWrite(Hva destination, ReadOnlySpan<byte> source);

    /// <summary>
    /// Whether the page at an address is there, rather than made when it is accessed; also true where nobody can tell.
    /// It may change at any time.
    /// </summary>
    public virtual bool IsPresent(Hva address) => true;

    /// <summary>
    /// Brings bytes that an access found missing, and waits for whoever has to bring them. False when nobody can; if
    /// true, the access is worth another try.
    /// </summary>
    /// <param name="address">The first.</param>
    /// <param name="length">Bytes, not 0.</param>
    /// <param name="write">Whether they are to be written.</param>
    /// <param name="stop">Ends the wait.</param>
    /// <exception cref="OperationCanceledException">The wait was to end.</exception>
    public virtual bool TryBring(Hva address, ulong length, bool write, CancellationToken stop) => false;

    /// <summary>
    /// Where the byte at an address is, whatever address leads to it (Linux: get_user_pages); false when the process
    /// could not read it.
    /// </summary>
    public virtual bool TryLocate(Hva address, out MemoryLocation location)
    {
        Span<byte> one = stackalloc byte[1];
        location = new MemoryLocation(this, address.Value);
        return TryRead(address, one);
    }

    /// <summary>
    /// Names a range of the process's memory for DMA. Nothing is checked yet: a mapping of a table that no device uses
    /// may name memory that is not there (<see cref="MemoryBacking.TryPopulate()"/> is the check). The range must not
    /// wrap.
    /// </summary>
    public abstract MemoryBacking Reference(Hva start, ulong length, bool writable);

    /// <summary>
    /// Populates a range that stands in our own process at the very addresses given, and holds it once, without an
    /// object for the range. False, with nothing held, where it does not stand there or is not populated:
    /// <see cref="Reference(Hva, ulong, bool)"/> is then the way.
    /// </summary>
    /// <param name="start">Its first address.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="held">A block that the caller holds: it is not held once more if the range lies in it.</param>
    /// <param name="block">What the range lies in.</param>
    internal virtual bool TryHold(Hva start, ulong length, HostBlock? held, [NotNullWhen(true)] out HostBlock? block)
    {
        block = null;
        return false;
    }

    /// <summary>Names a range that <see cref="TryHold"/> populated, and takes that hold over.</summary>
    internal virtual MemoryBacking Reference(Hva start, ulong length, bool writable, HostBlock held) =>
        throw new NotSupportedException("Nothing of this memory was held.");

    /// <summary>
    /// The same, of memory that may also be a device's own (a BAR that the process has mapped), where there is such a
    /// thing.
    /// </summary>
    public virtual MemoryBacking ReferenceDevices(Hva start, ulong length, bool writable) =>
        Reference(start, length, writable);
}
