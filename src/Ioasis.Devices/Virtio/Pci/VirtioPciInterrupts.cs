namespace Ioasis.Devices.Virtio.Pci;

/// <summary>
/// The interrupts of a virtio function: MSI-X vectors that the driver assigns, or the line with the ISR status (virtio
/// 1.3, 4.1.4.5). Thread-safe.
/// </summary>
/// <param name="slot">The function's slot.</param>
/// <param name="queues">Number of queues.</param>
internal sealed class VirtioPciInterrupts(IPciSlot slot, int queues)
{
    /// <summary>The vector that stands for none.</summary>
    internal const ushort NoVector = 0xffff;

    private const int QueueBit = 1, ConfigurationBit = 2;
    private readonly int[] _vectors = NoVectors(queues); // the configuration's is the last
    private int _status;

    /// <summary>The vector of the configuration.</summary>
    internal ushort ConfigurationVector
    {
        get => QueueVector(queues);
        set => SetQueueVector(queues, value);
    }

    internal ushort QueueVector(int queue) => (ushort)Volatile.Read(ref _vectors[queue]);

    /// <summary>Assigns a vector. One that does not exist becomes none.</summary>
    internal void SetQueueVector(int queue, ushort vector) =>
        Volatile.Write(ref _vectors[queue], vector <= queues ? vector : NoVector);

    internal void RaiseQueue(int queue) => Raise(queue, QueueBit);

    internal void RaiseConfiguration() => Raise(queues, ConfigurationBit);

    /// <summary>The ISR status, which a read clears.</summary>
    internal byte TakeStatus()
    {
        int status = Interlocked.Exchange(ref _status, 0);
        slot.SetInterruptLine(false);
        if (Volatile.Read(ref _status) != 0) slot.SetInterruptLine(true); // raised meanwhile
        return (byte)status;
    }

    internal void Reset()
    {
        Array.Fill(_vectors, NoVector);
        Volatile.Write(ref _status, 0);
        slot.SetInterruptLine(false);
    }

    private static int[] NoVectors(int queues)
    {
        int[] vectors = new int[queues + 1];
        Array.Fill(vectors, NoVector);
        return vectors;
    }

    private void Raise(int source, int bit)
    {
        int vector = Volatile.Read(ref _vectors[source]);
        if (vector != NoVector && slot.RaiseMessage(vector)) return;
        Interlocked.Or(ref _status, bit);
        slot.SetInterruptLine(true);
    }
}
