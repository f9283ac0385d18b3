namespace Ioasis.Core.Dma;

/// <summary>
/// When an access that waits for memory is to give up: the thread of a device's engine says it of what it runs.
/// </summary>
internal static class EngineStop
{
    [ThreadStatic]
    private static CancellationToken s_current;

    /// <summary>Cancelled when what the calling thread runs is to stop; never on a thread that says nothing.</summary>
    internal static CancellationToken Current
    {
        get => s_current;
        set => s_current = value;
    }
}
