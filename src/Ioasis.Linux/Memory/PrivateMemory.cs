using Ioasis.Memory;

namespace Ioasis.Linux.Memory;

/// <summary>
/// Private memory of a program, which all mappings of it for DMA share: each of them is an address alone. Nobody can
/// hold such memory from outside, so there is nothing to release.
/// </summary>
/// <param name="memory">All memory of the program.</param>
/// <param name="writable">Whether devices may write it.</param>
internal sealed class PrivateMemory(ProcessMemory memory, bool writable) : IHeldMemory
{
    /// <inheritdoc/>
    public MemoryBacking Space { get; } = ProcessBacking.OfAll(memory, writable);

    nint IHeldMemory.Shift => 0;

    /// <inheritdoc/>
    public void AddReference()
    {
    }

    /// <inheritdoc/>
    public void Release()
    {
    }

    /// <inheritdoc/>
    public MemoryLocation LocationOf(ulong address) => new(memory, address);

    /// <inheritdoc/>
    public bool TryAddress(MemoryLocation location, out ulong address)
    {
        address = location.Offset;
        return memory.Equals(location.Memory);
    }
}
