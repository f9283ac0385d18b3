namespace Ioasis.Devices.Virtio;

/// <summary>Rules for options that several models have.</summary>
internal static class VirtioRules
{
    internal const int LeastQueueSize = 4, MostQueueSize = 1024;

    /// <exception cref="ArgumentOutOfRangeException">No queue can have so many entries.</exception>
    internal static void CheckQueueSize(int size, string parameter)
    {
        if (!int.IsPow2(size) || size is < LeastQueueSize or > MostQueueSize)
            throw new ArgumentOutOfRangeException(parameter, size,
                $"A queue has {LeastQueueSize} to {MostQueueSize} entries, a power of two.");
    }
}
