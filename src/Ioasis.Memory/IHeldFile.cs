namespace Ioasis.Memory;

/// <summary>A file that is held once for everything that leads to it. Its addresses are offsets in the file.</summary>
internal interface IHeldFile : IHeldMemory
{
    /// <summary>Names bytes of the file by themselves, and takes over a hold.</summary>
    /// <param name="start">Offset of the first byte.</param>
    /// <param name="length">Bytes, which are populated.</param>
    /// <param name="writable">Whether devices may write them.</param>
    MemoryBacking Reference(ulong start, ulong length, bool writable);
}
