using Ioasis.Memory;

namespace Ioasis.Core.Units;

/// <summary>A hardware queue of a vIOMMU that a guest drives by itself (Linux: struct iommufd_hw_queue).</summary>
public abstract class HwQueue
{
    /// <summary>A queue of the same vIOMMU that must outlive this one; null for none.</summary>
    public virtual HwQueue? DependsOn => null;

    /// <summary>The queue is no longer used. Its memory is unpinned after this.</summary>
    public virtual void Destroy()
    {
    }
}

/// <summary>A guest's request for a queue.</summary>
/// <param name="Type">The type of queue.</param>
/// <param name="Index">Its number among queues of that type.</param>
/// <param name="Base">Its first address in the second stage of the vIOMMU.</param>
/// <param name="Location">Its memory, which is contiguous.</param>
/// <param name="Length">Its length in bytes.</param>
public readonly record struct HwQueueRequest(uint Type, uint Index, Iova Base, MemoryLocation Location, ulong Length);
