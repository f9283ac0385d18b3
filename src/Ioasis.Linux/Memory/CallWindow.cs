namespace Ioasis.Linux.Memory;

/// <summary>
/// The time during which a thread of ours serves a call of a thread elsewhere, which waits for it. The memory is
/// reached by its files in /proc, never by the thread's ID alone: a thread that is killed while it waits gives its ID
/// away.
/// </summary>
internal sealed class CallWindow
{
    // What a call reads is mostly a struct and what follows it. Reading a little more than asked costs nothing, another
    // call 1.6 us.
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

    // Where the last access was: mostly the struct is read and then written.
    private ProcmapQuery _mapping;

    /// <summary>The given thread waits from here on.</summary>
    /// <param name="memory">Its memory.</param>
    /// <param name="thread">Its ID.</param>
    /// <param name="id">Says whether the ID still is that thread's, if anything does.</param>
    /// <param name="epoch">What it said when the call was taken up.</param>
    public void Open(ProcessMemory memory, int thread, StableId? id = null, long epoch = 0)
    {
        (_memory, _thread, _id, _epoch) = (memory, thread, id, epoch);
        _aheadCount = 0;
        _mapping = default;
    }

    /// <summary>It waits no longer.</summary>
    public void Close()
    {
        _memory = null;
        _id = null;
        _aheadCount = 0;
    }

    /// <summary>Whether a thread of that process waits.</summary>
    public bool IsOpenOn(ProcessMemory memory) => _memory == memory;

    /// <summary>
    /// Reads memory of the thread. What was read ahead is handed out once: asked again, the memory is read again.
    /// </summary>
    public bool TryRead(ulong address, Span<byte> destination)
    {
        if (address == _aheadAddress && destination.Length <= _aheadCount)
        {
            TakeAhead(destination);
            return true;
        }

        // Within one page all bytes can be read or none.
        int ahead = Math.Min(AheadSize, PageSize - (int)(address % PageSize));
        if (destination.Length >= ahead) return TryMove(address, destination);
        _aheadCount = TryMove(address, _ahead.AsSpan(0, ahead)) ? ahead : 0;
        _aheadAddress = address;
        _aheadStart = 0;
        if (_aheadCount < destination.Length) return false;
        TakeAhead(destination);
        return true;
    }

    /// <summary>Writes memory of the thread.</summary>
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

    // The files in /proc ask for no permission.
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
