namespace Ioasis.Linux.Memory;

/// <summary>
/// Identity of a file, whoever opened or mapped it. A <see cref="Ioasis.Memory.MemoryLocation"/> names shared memory by
/// it.
/// </summary>
internal sealed record FileIdentity(ulong Device, ulong Inode);
