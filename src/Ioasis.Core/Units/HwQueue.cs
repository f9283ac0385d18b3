using Ioasis.Memory;

namespace Ioasis.Core.Units;

/// <summary>A hardware queue of a vIOMMU that a guest drives by itself (Linux: struct iommufd_hw_queue).</summary>
public abstract class HwQueue
{
    /// <summary>A queue of the same vIOMMU that must not go before this one; null for none.</summary>
    public virtual HwQueue? DependsOn => null;

    /// <summary>The queue is no longer used; after this its memory is no longer pinned.</summary>
    public virtual void Destroy()
    {
    }
}

/// <summary>Which queue a guest asks for.</summary>
/// <param name="Type">Its kind.</param>
/// <param name="Index">Its number among its kind.</param>
/// <param name="Base">Where it begins in the second stage of the vIOMMU.</param>
/// <param name="Location">The memory there, without a gap from its first byte on to its last.</param>
/// <param name="Length">Bytes.</param>
public readonly record struct HwQueueRequest(uint Type, uint Index, Iova Base, MemoryLocation Location, ulong Length);
