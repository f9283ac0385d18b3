namespace Ioasis.Linux.Memory;

/// <summary>
/// A window during which a thread of ours serves a call of a waiting thread of another process. Reads and writes never
/// trust that thread's ID alone: a thread that is killed while it waits frees its ID. Without a <see cref="StableId"/>
/// they go through the files in /proc.
/// </summary>
internal sealed class CallWindow
{
    // A call mostly reads a struct and then what follows it. Reading a few bytes more is free; another system call
    // costs 1.6 us.
    private const int AheadSize = 128;
    private const int PageSize = 4096;

    private readonly byte[] _ahead = new byte[AheadSize];
    private ulong _aheadAddress;
    private int _aheadStart;
    private int _aheadCount;

    private ProcessMemory? _memory;
    private StableId? _id;
    private long _epoch;
    private int _thread;

    // The mapping of the last access. Mostly the struct that was read is then written.
    private ProcmapQuery _mapping;

    /// <summary>Opens the window: the given thread waits from here on.</summary>
    /// <param name="memory">Its memory.</param>
    /// <param name="thread">Its ID.</param>
    /// <param name="id">Tells whether the ID still means that thread; null if nothing can tell.</param>
    /// <param name="epoch">Its epoch when the call was received.</param>
    public void Open(ProcessMemory memory, int thread, StableId? id = null, long epoch = 0)
    {
        (_memory, _thread, _id, _epoch) = (memory, thread, id, epoch);
        _aheadCount = 0;
        _mapping = default;
    }

    /// <summary>Closes the window: the thread waits no longer.</summary>
    public void Close()
    {
        _memory = null;
        _id = null;
        _aheadCount = 0;
    }

    /// <summary>Whether the window is open on that process's memory.</summary>
    public bool IsOpenOn(ProcessMemory memory) => _memory == memory;

    /// <summary>
    /// Reads the thread's memory. Bytes read ahead are returned once; a second read goes to the memory.
    /// </summary>
    public bool TryRead(ulong address, Span<byte> destination)
    {
        if (address == _aheadAddress && destination.Length <= _aheadCount)
        {
            TakeAhead(destination);
            return true;
        }

        // Within a page either all bytes are readable or none.
        int ahead = Math.Min(AheadSize, PageSize - (int)(address % PageSize));
        if (destination.Length >= ahead) return TryMove(address, destination);
        _aheadCount = TryMove(address, _ahead.AsSpan(0, ahead)) ? ahead : 0;
        _aheadAddress = address;
        _aheadStart = 0;
        if (_aheadCount < destination.Length) return false;
        TakeAhead(destination);
        return true;
    }

    /// <summary>Writes the thread's memory.</summary>
    public bool TryWrite(ulong address, ReadOnlySpan<byte> source)
    {
        _aheadCount = 0;
        if (_id is { } id && id.TryEnter(_epoch))
        {
            try { return SysMemory.WriteProcess(_thread, address, source) == source.Length; }
            finally { id.Leave(); }
        }

        return Permits(address, (ulong)source.Length, ProcmapQuery.Writable)
            && _memory!.TryWritePinned(address, source, waits: true);
    }

    private bool TryMove(ulong address, Span<byte> destination)
    {
        if (_id is { } id && id.TryEnter(_epoch))
        {
            try { return SysMemory.ReadProcess(_thread, address, destination) == destination.Length; }
            finally { id.Leave(); }
        }

        return Permits(address, (ulong)destination.Length, ProcmapQuery.Readable)
            && _memory!.TryReadPinned(address, destination, waits: true);
    }

    // The files in /proc check no page permissions, so we do.
    private bool Permits(ulong address, ulong length, ulong needed)
    {
        ulong last = unchecked(address + (length - 1));
        if (last < address) return false;
        if (address >= _mapping.Start && last < _mapping.End) return (_mapping.Flags & needed) != 0;
        return _memory!.TryFindMapping(address, last, needed, out _mapping);
    }

    private void TakeAhead(Span<byte> destination)
    {
        _ahead.AsSpan(_aheadStart, destination.Length).CopyTo(destination);
        _aheadStart += destination.Length;
        _aheadAddress += (ulong)destination.Length;
        _aheadCount -= destination.Length;
    }
}
