using Ioasis.Memory;

namespace Ioasis.Linux.Memory;

/// <summary>
/// Bytes of another process's memory. Memory that it shares is traced to its file when it is populated: it then stays, as pinned pages do,
/// whatever becomes of the process. Private memory cannot be held from outside: it is checked, and gone when the process is.
/// </summary>
internal sealed class ProcessBacking(ProcessMemory memory, Hva start, ulong length, bool writable, bool devices)
    : MemoryBacking(length, writable, start.Value)
{
    private FileBacking? _traced;

    public override nint DirectAddress => Volatile.Read(ref _traced)?.DirectAddress ?? 0;

    public override bool TryPopulate(ulong offset, ulong length)
    {
        if (Volatile.Read(ref _traced) is { } known) return known.TryPopulate(offset, length);
        if (!memory.CanReference(start.Value + offset, length, Writable, devices)) return false;
        // The file of a device that is held open is a device that is never closed.
        if (devices && !memory.CanReference(start.Value, Length, Writable, devices: false)) return true;
        if (memory.TryTrace(start.Value, Length, Writable) is not { } traced) return true;
        if (!traced.TryPopulate(offset, length) || Interlocked.CompareExchange(ref _traced, traced, null) is not null) traced.Release();
        return true;
    }

    public override bool TryRead(ulong offset, Span<byte> destination) => Volatile.Read(ref _traced) is { } traced
        ? traced.TryRead(offset, destination)
        : Has(offset, destination.Length) && memory.TryReadPinned(start.Value + offset, destination);

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source) => Volatile.Read(ref _traced) is { } traced
        ? traced.TryWrite(offset, source)
        : Writable && Has(offset, source.Length) && memory.TryWritePinned(start.Value + offset, source);

    public override bool TryReadNow(ulong offset, Span<byte> destination) =>
        Has(offset, destination.Length) && memory.TryRead(start + offset, destination);

    public override bool TryWriteNow(ulong offset, ReadOnlySpan<byte> source) =>
        Writable && Has(offset, source.Length) && memory.TryWrite(start + offset, source);

    public override bool TryLocate(ulong offset, out MemoryLocation location)
    {
        location = default;
        if (Volatile.Read(ref _traced) is { } traced) return traced.TryLocate(offset, out location);
        return offset < Length && memory.TryLocate(start + offset, out location);
    }

    public override IEnumerable<ulong> OffsetsOf(MemoryLocation location) => Volatile.Read(ref _traced) is { } traced
        ? traced.OffsetsOf(location)
        : memory.AddressesOf(location, start.Value, Length).Select(address => address - start.Value);

    protected override void Free() => _traced?.Release();
}
