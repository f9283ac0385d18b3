namespace Ioasis.Devices.Dsa;

/// <summary>A work queue. Its scheduler's lock guards it.</summary>
/// <param name="index">The queue's number.</param>
internal sealed class DsaQueue(int index)
{
    internal int Index => index;

    /// <summary>The configuration at the time when the queue was enabled; null while it is disabled.</summary>
    internal DsaQueueConfig? Config { get; set; }

    /// <summary>Whether the queue accepts descriptors. False while it is being disabled.</summary>
    internal bool IsOpen { get; set; }

    /// <summary>Number of its group; -1 for none.</summary>
    internal int Group { get; set; } = -1;

    /// <summary>Descriptors that wait for an engine, the oldest first.</summary>
    internal List<DsaWork> Waiting { get; } = [];

    /// <summary>Number of its descriptors that engines are executing.</summary>
    internal int Running { get; set; }

    /// <summary>
    /// When an engine last took a descriptor from it. Among queues of equal priority, the one that has waited longest
    /// is next.
    /// </summary>
    internal long Served { get; set; }

    /// <summary>
    /// Whether an engine may take the oldest descriptor. A drain waits until all earlier descriptors are done, and
    /// holds up the later ones.
    /// </summary>
    internal bool IsReady => Waiting.Count > 0 && (Running == 0 || Waiting[0].Descriptor.Opcode != DsaOpcode.Drain);
}
