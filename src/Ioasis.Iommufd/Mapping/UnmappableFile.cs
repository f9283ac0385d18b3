using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// A file that devices cannot use, such as a socket. As on Linux, it can be mapped into an IOAS without domains, and is
/// refused when a device is attached.
/// </summary>
internal sealed class UnmappableFile(ulong start, ulong length, bool writable) : MemoryBacking(length, writable, start)
{
    public override bool IsFile => true;

    public override bool TryPopulate(ulong offset, ulong length) => false;

    public override bool TryRead(ulong offset, Span<byte> destination) => false;

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source) => false;
}
