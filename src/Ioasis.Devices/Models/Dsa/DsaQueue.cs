namespace Ioasis.Devices.Dsa;

/// <summary>A work queue. Its scheduler's lock guards it.</summary>
/// <param name="index">Its number.</param>
internal sealed class DsaQueue(int index)
{
    internal int Index => index;

    /// <summary>How it was configured when it was enabled; null while it is disabled.</summary>
    internal DsaQueueConfig? Config { get; set; }

    /// <summary>Whether it takes descriptors: not any more while it is being disabled.</summary>
    internal bool IsOpen { get; set; }

    /// <summary>Which group it is in.</summary>
    internal int Group { get; set; } = -1;

    /// <summary>What waits for an engine, the oldest first.</summary>
    internal List<DsaWork> Waiting { get; } = [];

    /// <summary>How many of its descriptors engines work on.</summary>
    internal int Running { get; set; }

    /// <summary>
    /// When an engine last took something from it; of queues of equal priority the one that waited longest is next.
    /// </summary>
    internal long Served { get; set; }

    /// <summary>
    /// Whether an engine may take the oldest: a drain waits until all before it are done, and holds up those after it.
    /// </summary>
    internal bool IsReady => Waiting.Count > 0 && (Running == 0 || Waiting[0].Descriptor.Opcode != DsaOpcode.Drain);
}
