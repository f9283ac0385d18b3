namespace Ioasis.Linux.Memory;

/// <summary>Bytes of a held file.</summary>
/// <param name="File">The file.</param>
/// <param name="Offset">The first byte's offset.</param>
/// <param name="Length">Bytes, not 0.</param>
internal readonly record struct FilePart(HeldFile File, ulong Offset, ulong Length);
