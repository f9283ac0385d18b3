namespace Ioasis.Memory;

/// <summary>
/// What stands for a physical address here: which memory, and which byte of it. Addresses of any processes that reach
/// the same byte have equal locations.
/// </summary>
/// <param name="Memory">What the bytes belong to, compared by <see cref="object.Equals(object)"/>: a file by its
/// identity, a block of our own process, or the address space of a process for memory that is its alone.</param>
/// <param name="Offset">The byte in it. For memory of one process alone that is the address.</param>
public readonly record struct MemoryLocation(object Memory, ulong Offset);
