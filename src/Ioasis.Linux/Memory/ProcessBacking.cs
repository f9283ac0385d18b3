using Ioasis.Memory;

namespace Ioasis.Linux.Memory;

/// <summary>Bytes of another process's memory. Populating checks that they may be accessed; nothing is pinned, and when the process ends they are gone.</summary>
internal sealed class ProcessBacking(ProcessMemory memory, Hva start, ulong length, bool writable)
    : MemoryBacking(length, writable, start.Value)
{
    public override bool TryPopulate() => memory.CanReference(start.Value, Length, Writable);

    public override bool TryRead(ulong offset, Span<byte> destination) =>
        Within(offset, destination.Length) && memory.TryReadPinned(start.Value + offset, destination);

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source) =>
        Writable && Within(offset, source.Length) && memory.TryWritePinned(start.Value + offset, source);

    private bool Within(ulong offset, int count) => offset <= Length && (ulong)count <= Length - offset;
}
