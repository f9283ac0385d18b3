using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// A file that no device can use, a socket say. It can be mapped into an IOAS without domains, as on Linux, and is
/// refused when a device comes.
/// </summary>
internal sealed class UnmappableFile(ulong start, ulong length, bool writable) : MemoryBacking(length, writable, start)
{
    public override bool IsFile => true;

    public override bool TryPopulate(ulong offset, ulong length) => false;

    public override bool TryRead(ulong offset, Span<byte> destination) => false;

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source) => false;
}
