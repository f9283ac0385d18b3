namespace Ioasis.Devices.Virtio;

/// <summary>When a side of a ring wants to be notified (VIRTIO_F_EVENT_IDX).</summary>
internal static class RingEvents
{
    /// <summary>Whether an index moved past an event's.</summary>
    /// <param name="wanted">The event's index.</param>
    /// <param name="now">The index now.</param>
    /// <param name="before">The index when it was checked last.</param>
    internal static bool IsPassed(ushort wanted, ushort now, ushort before) =>
        (ushort)(now - wanted - 1) < (ushort)(now - before);
}
