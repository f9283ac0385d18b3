namespace Ioasis.Memory;

/// <summary>
/// Stands in for a physical address: a memory and a byte of it. Addresses of any two processes that reach the same byte
/// have equal locations.
/// </summary>
/// <param name="Memory">The memory that has the byte, compared by <see cref="object.Equals(object)"/>: a file by its
/// identity, a block of our own process, or a process's address space for memory that is private to it.</param>
/// <param name="Offset">Offset of the byte. For private memory of a process it is the address.</param>
public readonly record struct MemoryLocation(object Memory, ulong Offset);
