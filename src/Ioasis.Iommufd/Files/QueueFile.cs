using Ioasis.Abi;

namespace Ioasis.Iommufd.Files;

/// <summary>
/// An open file that a program reads records from, and may write responses to (Linux: struct iommufd_eventq): a fault
/// queue or a queue of virtual events. It holds the records. A process within this one reads and writes it through
/// <see cref="NodeFile.Read"/> and <see cref="NodeFile.Write"/>, which are what Linux's file does, at offset 0. Where
/// the program has a file of the kernel's instead, its <see cref="IQueueCarrier"/> moves records there by
/// <see cref="TryTake"/> and brings what it wrote by <see cref="Answer"/>.
/// </summary>
public abstract class QueueFile : NodeFile
{
    private IQueueCarrier? _carrier;

    /// <summary>Its name as /proc/PID/fd shows it, <c>[iommufd-pgfault]</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Whether there is a record to be taken (poll(2): POLLIN).</summary>
    public abstract bool IsReadable { get; }

    /// <summary>Bytes of one response; 0 for a queue that nothing is written to.</summary>
    public virtual int ResponseSize => 0;

    /// <summary>
    /// How many bytes of what was taken the program has read by now, of a queue that nothing is written to. What is
    /// between taken and read is in the carrier, and for the program still in the queue. Any lock may be held.
    /// </summary>
    protected long ReadBytes => Volatile.Read(ref _carrier)?.ReadBytes ?? 0;

    /// <summary>
    /// Takes the next records that belong together, as one read of Linux's would put them: they count as handed out
    /// from here on. One thread at a time.
    /// </summary>
    /// <returns>Bytes put; 0 when there is nothing. Negative when there is not enough room, with nothing taken: the
    /// bytes that it takes.</returns>
    public abstract int TryTake(Span<byte> room);

    /// <summary>
    /// A response of <see cref="ResponseSize"/> bytes that the program wrote. In the order that it wrote them, one
    /// thread at a time.
    /// </summary>
    public virtual Errno Answer(ReadOnlySpan<byte> response) => Errno.EINVAL;

    /// <summary>Says who is to be told of records. Called once, before the program has the file.</summary>
    public void ConnectTo(IQueueCarrier carrier)
    {
        Volatile.Write(ref _carrier, carrier);
        if (IsReadable) carrier.Wake();
    }

    /// <summary>No ioctl means anything to it.</summary>
    public override SysResult Ioctl(ICaller caller, uint command, ulong argument) => Errno.ENOTTY;

    /// <summary>
    /// Tells that there is a record. No lock may be held that <see cref="TryTake"/> takes: it may be called before this
    /// returns.
    /// </summary>
    protected void Wake() => Volatile.Read(ref _carrier)?.Wake();
}

/// <summary>What stands between a queue and the program that reads it.</summary>
public interface IQueueCarrier
{
    /// <summary>
    /// How many bytes of what was taken the program has read. Never more than it has, and for a moment perhaps fewer
    /// than told before.
    /// </summary>
    long ReadBytes { get; }

    /// <summary>The queue has a record. Takes it at once if there is room, and else when there is.</summary>
    void Wake();
}
