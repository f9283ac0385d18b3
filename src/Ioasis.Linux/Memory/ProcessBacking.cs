using Ioasis.Memory;

namespace Ioasis.Linux.Memory;

/// <summary>
/// Bytes of another process's memory. Memory that it shares is traced to its file when it is populated: it then stays, as pinned pages do,
/// whatever becomes of the process. Private memory cannot be held from outside: it is checked, and gone when the process is.
/// </summary>
internal sealed class ProcessBacking(ProcessMemory memory, Hva start, ulong length, bool writable)
    : MemoryBacking(length, writable, start.Value)
{
    private FileBacking? _traced;

    public override nint DirectAddress => Volatile.Read(ref _traced)?.DirectAddress ?? 0;

    public override bool TryPopulate()
    {
        if (Volatile.Read(ref _traced) is not null) return true;
        if (!memory.CanReference(start.Value, Length, Writable)) return false;
        if (memory.TryTrace(start.Value, Length, Writable) is not { } traced) return true;
        if (!traced.TryPopulate() || Interlocked.CompareExchange(ref _traced, traced, null) is not null) traced.Release();
        return true;
    }

    public override bool TryRead(ulong offset, Span<byte> destination) => Volatile.Read(ref _traced) is { } traced
        ? traced.TryRead(offset, destination)
        : Within(offset, destination.Length) && memory.TryReadPinned(start.Value + offset, destination);

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source) => Volatile.Read(ref _traced) is { } traced
        ? traced.TryWrite(offset, source)
        : Writable && Within(offset, source.Length) && memory.TryWritePinned(start.Value + offset, source);

    protected override void Free() => _traced?.Release();

    private bool Within(ulong offset, int count) => offset <= Length && (ulong)count <= Length - offset;
}
