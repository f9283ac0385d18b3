namespace Ioasis.Linux.Memory;

/// <summary>
/// Which file it is, whoever has opened or mapped it: what a <see cref="Ioasis.Memory.MemoryLocation"/> names shared
/// memory by.
/// </summary>
internal sealed record FileIdentity(ulong Device, ulong Inode);
