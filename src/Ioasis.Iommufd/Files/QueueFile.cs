using Ioasis.Abi;

namespace Ioasis.Iommufd.Files;

/// <summary>
/// An open file that a program reads records from, and may write responses to (Linux: struct iommufd_eventq): a fault
/// queue or a queue of virtual events. It holds the records. A process within this one uses <see cref="NodeFile.Read"/>
/// and <see cref="NodeFile.Write"/> at offset 0, which behave as on Linux. Other programs have a file of the kernel's
/// instead: its <see cref="IQueueCarrier"/> moves records there with <see cref="TryTake"/>, and passes on responses
/// with <see cref="Answer"/>.
/// </summary>
public abstract class QueueFile : NodeFile
{
    private IQueueCarrier? _carrier;

    /// <summary>Its name in /proc/PID/fd, such as <c>[iommufd-pgfault]</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Whether there is a record to take (poll(2): POLLIN).</summary>
    public abstract bool IsReadable { get; }

    /// <summary>Bytes of one response; 0 if the queue takes no responses.</summary>
    public virtual int ResponseSize => 0;

    /// <summary>
    /// For a queue without responses: how many of the taken bytes the program has read. The rest is in the carrier; to
    /// the program it is still in the queue. May be called with any lock held.
    /// </summary>
    protected long ReadBytes => Volatile.Read(ref _carrier)?.ReadBytes ?? 0;

    /// <summary>
    /// Takes the next records that belong together, those that one read on Linux would return. They count as delivered
    /// from here on. One thread at a time.
    /// </summary>
    /// <returns>
    /// Bytes taken; 0 if there is nothing. If the room is too small: nothing is taken, and the result is minus the
    /// bytes needed.
    /// </returns>
    public abstract int TryTake(Span<byte> room);

    /// <summary>
    /// Handles a response of <see cref="ResponseSize"/> bytes from the program. Called in the order of the writes, by
    /// one thread at a time.
    /// </summary>
    public virtual Errno Answer(ReadOnlySpan<byte> response) => Errno.EINVAL.Because("this queue takes no responses");

    /// <summary>Sets the carrier to notify of records. Called once, before the program has the file.</summary>
    public void ConnectTo(IQueueCarrier carrier)
    {
        Volatile.Write(ref _carrier, carrier);
        if (IsReadable) carrier.Wake();
    }

    /// <summary>Supports no ioctl.</summary>
    public override SysResult Ioctl(ICaller caller, uint command, ulong argument) =>
        Errno.ENOTTY.Because("a queue has no ioctls");

    /// <summary>
    /// Notifies of a record. The caller holds no lock that <see cref="TryTake"/> takes, because TryTake may be called
    /// before this returns.
    /// </summary>
    protected void Wake() => Volatile.Read(ref _carrier)?.Wake();
}

/// <summary>The connection between a queue and the program that reads it.</summary>
public interface IQueueCarrier
{
    /// <summary>
    /// How many of the taken bytes the program has read. Never too many; for a moment possibly fewer than before.
    /// </summary>
    long ReadBytes { get; }

    /// <summary>Called when the queue has a record. Takes it at once, or as soon as there is room.</summary>
    void Wake();
}
