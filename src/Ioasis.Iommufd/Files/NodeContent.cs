namespace Ioasis.Iommufd.Files;

/// <summary>What the open file of a node is to a program, beside its ioctls.</summary>
public enum NodeContent
{
    /// <summary>Bytes at offsets, which are read, written and mapped: the regions of a VFIO device.</summary>
    Memory,

    /// <summary>
    /// Records, which are read and polled for, and perhaps written. <see cref="INode.Open"/> gives a
    /// <see cref="QueueFile"/>; the carrier that it gets has no memory.
    /// </summary>
    Messages,

    /// <summary>
    /// Memory, and messages that are written (<see cref="INode.MessageSizes"/>). Nothing is read at the file position:
    /// read(2) is EINVAL, and poll(2) says that both are possible, as of a Linux device without these operations.
    /// </summary>
    Both,
}
