namespace Ioasis.Memory;

/// <summary>
/// What stands for a physical address here: which memory, and which byte of it. Two addresses, of whatever programs, that reach the same byte
/// have equal locations.
/// </summary>
/// <param name="Memory">The memory: a file, or the address space of a process. Compared by value.</param>
/// <param name="Offset">Byte offset in it.</param>
public readonly record struct MemoryLocation(object Memory, ulong Offset);
