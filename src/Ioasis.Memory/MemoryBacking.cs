using System.Diagnostics;

namespace Ioasis.Memory;

/// <summary>
/// The memory behind a mapping: a run of bytes of some process or file, addressed from 0 to <see cref="Length"/> - 1.
/// Mappings that were copied from one another share it; the last one to release it gives it back.
/// </summary>
internal abstract class MemoryBacking
{
    private int _references = 1;

    /// <summary>Describes a run of <paramref name="length"/> bytes with one reference, the creator's.</summary>
    /// <param name="length">Bytes, not 0.</param>
    /// <param name="writable">Whether a mapping of it may be writable.</param>
    /// <param name="alignmentHint">The address or file offset of byte 0, from which an automatic IOVA takes its
    /// alignment.</param>
    protected MemoryBacking(ulong length, bool writable, ulong alignmentHint)
    {
        Length = length;
        Writable = writable;
        AlignmentHint = alignmentHint;
    }

    /// <summary>Bytes in the run.</summary>
    public ulong Length { get; }

    /// <summary>Whether a mapping of it may be writable.</summary>
    public bool Writable { get; }

    /// <summary>The address or file offset of byte 0, from which an automatic IOVA takes its alignment.</summary>
    public ulong AlignmentHint { get; }

    /// <summary>
    /// The address of byte 0 in our own process, if the run is mapped here and stays readable (and writable, if
    /// <see cref="Writable"/>) while a reference is held. Otherwise 0: every access goes through <see cref="TryRead"/>
    /// and <see cref="TryWrite"/>. Valid only for bytes for which <see cref="TryPopulate(ulong, ulong)"/> has
    /// succeeded.
    /// </summary>
    public virtual nint DirectAddress => 0;

    /// <summary>
    /// Whether it is all memory of a process that is never in our own. Many mappings share it, and the offset of a byte
    /// is its address.
    /// </summary>
    public bool IsSpace { get; protected init; }

    /// <summary>
    /// Whether a file was mapped rather than a process's pointers (Linux: IOPT_ADDRESS_FILE). Only mappings of files
    /// survive a change of the owning process.
    /// </summary>
    public virtual bool IsFile => false;

    /// <summary>
    /// Makes the pages of the given bytes usable for DMA; false when a page is missing or does not permit the access
    /// that <see cref="Writable"/> says.
    /// </summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">Bytes, not 0, all within the run.</param>
    public abstract bool TryPopulate(ulong offset, ulong length);

    /// <summary>Populates the whole run.</summary>
    public bool TryPopulate() => TryPopulate(0, Length);

    /// <summary>
    /// Faults in bytes that are about to be populated, and waits for whoever provides them, while the caller holds no
    /// lock that others need. False when they cannot be provided; true where <see cref="TryPopulate(ulong, ulong)"/>
    /// decides.
    /// </summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">Bytes, not 0, all within the run.</param>
    public virtual bool TryBring(ulong offset, ulong length) => true;

    /// <summary>What the host had none of when <see cref="TryBring(ulong, ulong)"/> failed last.</summary>
    public virtual MemoryLack Lack => MemoryLack.None;

    /// <summary>
    /// Faults in bytes that are populated but that a device found missing, and waits for whoever provides them. False
    /// when nobody can; true when the access is worth another try. No access is under way meanwhile.
    /// </summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">Bytes, not 0, all within the run.</param>
    /// <param name="write">Whether the access writes.</param>
    /// <param name="stop">Ends the wait.</param>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was cancelled.</exception>
    public virtual bool TryBring(ulong offset, ulong length, bool write, CancellationToken stop) => false;

    /// <summary>
    /// Copies bytes out, from <paramref name="offset"/> on; false when they are no longer accessible.
    /// </summary>
    public abstract bool TryRead(ulong offset, Span<byte> destination);

    /// <summary>Copies bytes in, from <paramref name="offset"/> on; false when they are no longer writable.</summary>
    public abstract bool TryWrite(ulong offset, ReadOnlySpan<byte> source);

    /// <summary>
    /// Copies bytes out that need not be populated, with the rights that the memory's owner has at this moment. Ignores
    /// what was populated before, and populates nothing.
    /// </summary>
    public virtual bool TryReadNow(ulong offset, Span<byte> destination) =>
        destination.IsEmpty || (Has(offset, destination.Length) && TryPopulate(offset, (ulong)destination.Length)
            && TryRead(offset, destination));

    /// <summary>Copies bytes in that need not be populated; see <see cref="TryReadNow"/>.</summary>
    public virtual bool TryWriteNow(ulong offset, ReadOnlySpan<byte> source) =>
        source.IsEmpty || (Has(offset, source.Length) && TryPopulate(offset, (ulong)source.Length)
            && TryWrite(offset, source));

    /// <summary>
    /// The location of a byte, the same for every address that leads to it; false when the byte is missing.
    /// </summary>
    public virtual bool TryLocate(ulong offset, out MemoryLocation location)
    {
        location = new MemoryLocation(this, offset);
        return offset < Length;
    }

    /// <summary>The offsets in this run of the byte at a location, in any order. Mostly there is none or one.</summary>
    public virtual IEnumerable<ulong> OffsetsOf(MemoryLocation location) =>
        ReferenceEquals(location.Memory, this) && location.Offset < Length ? [location.Offset] : [];

    /// <summary>Whether bytes lie within the run.</summary>
    protected bool Has(ulong offset, int count) => offset <= Length && (ulong)count <= Length - offset;

    /// <summary>
    /// The offset of a location in this run, for a run that is bytes of one memory from <paramref name="start"/> on.
    /// </summary>
    protected IEnumerable<ulong> OffsetsWithin(object memory, ulong start, MemoryLocation location) =>
        memory.Equals(location.Memory) && location.Offset >= start && location.Offset - start < Length
            ? [location.Offset - start]
            : [];

    /// <summary>Takes one more reference. The caller holds one already.</summary>
    public void AddReference()
    {
        int now = Interlocked.Increment(ref _references);
        Debug.Assert(now > 1, "a backing without references cannot be taken again");
    }

    /// <summary>Releases a reference; the last release gives the memory back.</summary>
    public void Release()
    {
        int left = Interlocked.Decrement(ref _references);
        Debug.Assert(left >= 0, "a backing was released more often than taken");
        if (left == 0) Free();
    }

    /// <summary>Gives back what the backing holds. Called once, when nobody can reach the backing any more.</summary>
    protected virtual void Free()
    {
    }
}
