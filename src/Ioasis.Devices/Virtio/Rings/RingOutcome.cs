namespace Ioasis.Devices.Virtio;

/// <summary>What came of a look at a ring.</summary>
internal enum RingOutcome
{
    /// <summary>It is done.</summary>
    Ok,

    /// <summary>The driver has made nothing available.</summary>
    Empty,

    /// <summary>The ring breaks the specification, or its memory does not answer.</summary>
    Bad,
}
