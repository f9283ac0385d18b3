using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Client.InProcess;

/// <summary>The open description of a file in memory: its bytes.</summary>
internal sealed class FileBytes : OpenDescription, IMemoryFile
{
    private readonly HostBlock _block;

    internal FileBytes(HostBlock block)
    {
        _block = block;
        if (!block.TryAddReference()) throw new ArgumentException("The block is freed already.", nameof(block));
    }

    public Errno Reference(ulong start, ulong length, bool writable, out MemoryBacking? backing)
    {
        backing = new FileBacking(_block, start, length, writable);
        return Errno.None;
    }

    protected override void Close() => _block.Release();
}

/// <summary>
/// Bytes of a file, named for DMA. Populating holds the file's block, which then outlives the descriptor.
/// </summary>
internal sealed class FileBacking : MemoryBacking
{
    private readonly HostBlock _block;
    private readonly ulong _start;
    private readonly bool _held;
    private bool _populated;

    internal FileBacking(HostBlock block, ulong start, ulong length, bool writable) : base(length, writable, start)
    {
        _block = block;
        _start = start;
        _held = block.TryAddReference();
    }

    public override nint DirectAddress => Volatile.Read(ref _populated) ? _block.Address + (nint)_start : 0;

    public override bool IsFile => true;

    public override bool TryPopulate(ulong offset, ulong length)
    {
        ulong first = unchecked(_start + offset);
        if (!_held || first < _start || first > _block.Length || length > _block.Length - first) return false;
        Volatile.Write(ref _populated, true);
        return true;
    }

    public override bool TryRead(ulong offset, Span<byte> destination)
    {
        if (!IsThere(offset, destination.Length)) return false;
        _block.CopyTo(_start + offset, destination);
        return true;
    }

    public override bool TryWrite(ulong offset, ReadOnlySpan<byte> source)
    {
        if (!Writable || !IsThere(offset, source.Length)) return false;
        _block.CopyFrom(_start + offset, source);
        return true;
    }

    public override bool TryLocate(ulong offset, out MemoryLocation location)
    {
        location = new MemoryLocation(_block, unchecked(_start + offset));
        return offset < Length && TryPopulate(offset, 1);
    }

    public override IEnumerable<ulong> OffsetsOf(MemoryLocation location) => OffsetsWithin(_block, _start, location);

    protected override void Free()
    {
        if (_held) _block.Release();
    }

    private bool IsThere(ulong offset, int count) => Has(offset, count) && TryPopulate(offset, (ulong)count);
}

/// <summary>A file in memory of a process within this one. Its bytes are a block of the process's memory.</summary>
internal sealed class ProcessFile : UserFile
{
    private readonly ProcessNodes _process;
    private int _closed;

    internal ProcessFile(ProcessNodes process, ulong length)
    {
        _process = process;
        HostBlock block = process.Memory.Allocate(ProcessCarrier.RoundUp(length));
        Memory = new UserMemory(block, () => process.Memory.Free(block));
        Descriptor = process.Descriptors.Add(new FileBytes(block));
    }

    public override int Descriptor { get; }

    public override UserMemory Memory { get; }

    protected override void Dispose(bool disposing)
    {
        if (!disposing || Interlocked.Exchange(ref _closed, 1) != 0) return;
        _process.Descriptors.Close(Descriptor);
        Memory.Dispose();
    }
}
