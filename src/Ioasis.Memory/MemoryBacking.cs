using System.Diagnostics;

namespace Ioasis.Memory;

/// <summary>
/// What a mapping holds: a run of bytes of some process or file, addressed from 0 to <see cref="Length"/> - 1.
/// It is shared by all mappings that were copied from one another and given back when the last of them lets go.
/// </summary>
public abstract class MemoryBacking
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
    /// Where byte 0 stands in our own process, when it stands there and stays readable (and writable, if
    /// <see cref="Writable"/>) for as long as a reference is held; otherwise 0, and every access goes through
    /// <see cref="TryRead"/> and <see cref="TryWrite"/>. Valid for bytes that <see cref="TryPopulate(ulong, ulong)"/>
    /// has succeeded for.
    /// </summary>
    public virtual nint DirectAddress => 0;

    /// <summary>
    /// Whether the file of this backing is what it was mapped from, rather than a process's pointers
    /// (Linux: IOPT_ADDRESS_FILE). Only such mappings survive a change of the owning process.
    /// </summary>
    public virtual bool IsFile => false;

    /// <summary>
    /// Makes bytes usable for DMA, and the page that each lies in; false when any is not there or not accessible as
    /// <see cref="Writable"/> says.
    /// </summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">Bytes, not 0, all within the run.</param>
    public abstract bool TryPopulate(ulong offset, ulong length);

    /// <summary>Does so for all of the run.</summary>
    public bool TryPopulate() => TryPopulate(0, Length);

    /// <summary>
    /// Brings bytes that are about to be populated, and waits for whoever has to bring them: so no lock is held that
    /// others need. False when they cannot be had; true where <see cref="TryPopulate(ulong, ulong)"/> is to decide.
    /// </summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">Bytes, not 0, all within the run.</param>
    public virtual bool TryBring(ulong offset, ulong length) => true;

    /// <summary>
    /// Brings bytes that a device found missing though they are populated, and waits for whoever has to bring them.
    /// False when nobody can; if true, the access is worth another try. No access is under way meanwhile.
    /// </summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">Bytes, not 0, all within the run.</param>
    /// <param name="write">Whether they are to be written.</param>
    /// <param name="stop">Ends the wait.</param>
    /// <exception cref="OperationCanceledException">The wait was to end.</exception>
    public virtual bool TryBring(ulong offset, ulong length, bool write, CancellationToken stop) => false;

    /// <summary>Copies bytes out, from <paramref name="offset"/> on; false when they can no longer be had.</summary>
    public abstract bool TryRead(ulong offset, Span<byte> destination);

    /// <summary>Copies bytes in, from <paramref name="offset"/> on; false when they can no longer be written.</summary>
    public abstract bool TryWrite(ulong offset, ReadOnlySpan<byte> source);

    /// <summary>
    /// Copies bytes out that need not be populated, as whoever the memory belongs to could at this moment. What was
    /// populated before does not matter, and nothing is kept.
    /// </summary>
    public virtual bool TryReadNow(ulong offset, Span<byte> destination) =>
        destination.IsEmpty || (Has(offset, destination.Length) && TryPopulate(offset, (ulong)destination.Length)
            && TryRead(offset, destination));

    /// <summary>Copies bytes in that need not be populated; see <see cref="TryReadNow"/>.</summary>
    public virtual bool TryWriteNow(ulong offset, ReadOnlySpan<byte> source) =>
        source.IsEmpty || (Has(offset, source.Length) && TryPopulate(offset, (ulong)source.Length)
            && TryWrite(offset, source));

    /// <summary>Where a byte is, whatever address leads to it; false when it is not there.</summary>
    public virtual bool TryLocate(ulong offset, out MemoryLocation location)
    {
        location = new MemoryLocation(this, offset);
        return offset < Length;
    }

    /// <summary>The bytes of this run that are at a location, in any order: mostly none or one.</summary>
    public virtual IEnumerable<ulong> OffsetsOf(MemoryLocation location) =>
        ReferenceEquals(location.Memory, this) && location.Offset < Length ? [location.Offset] : [];

    /// <summary>Whether bytes lie within the run.</summary>
    protected bool Has(ulong offset, int count) => offset <= Length && (ulong)count <= Length - offset;

    /// <summary>
    /// Where in this run a location is, when the run is bytes of one memory from <paramref name="start"/> on.
    /// </summary>
    protected IEnumerable<ulong> OffsetsWithin(object memory, ulong start, MemoryLocation location) =>
        memory.Equals(location.Memory) && location.Offset >= start
        && location.Offset - start < Length ? [location.Offset - start] : [];

    /// <summary>Takes one more reference. The caller holds one already.</summary>
    public void AddReference()
    {
        int now = Interlocked.Increment(ref _references);
        Debug.Assert(now > 1, "a backing without references cannot be taken again");
    }

    /// <summary>Lets a reference go; the last one gives the memory back.</summary>
    public void Release()
    {
        int left = Interlocked.Decrement(ref _references);
        Debug.Assert(left >= 0, "a backing was released more often than taken");
        if (left == 0) Free();
    }

    /// <summary>Gives back what the backing holds. Called once, when nothing can reach it any more.</summary>
    protected virtual void Free()
    {
    }
}
