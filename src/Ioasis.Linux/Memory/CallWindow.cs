namespace Ioasis.Linux.Memory;

/// <summary>
/// The time during which a thread of ours serves a call of a thread elsewhere, which waits for it: then that thread's memory is accessed
/// by its ID.
/// </summary>
internal sealed class CallWindow
{
    // The waiting thread can be killed and its ID be given to another, which takes a whole turn of the PIDs, hence longer than this.
    private const long TrustedMilliseconds = 30;

    // What a call reads is mostly a struct and what follows it. Reading a little more than asked costs nothing, another call 1.6 us.
    private const int AheadSize = 128;
    private const int PageSize = 4096;

    private readonly byte[] _ahead = new byte[AheadSize];
    private ulong _aheadAddress;
    private int _aheadStart;
    private int _aheadCount;

    private ProcessMemory? _memory;
    private int _thread;
    private long _since;

    /// <summary>The given thread waits from here on.</summary>
    public void Open(ProcessMemory memory, int thread)
    {
        _memory = memory;
        _thread = thread;
        _since = Environment.TickCount64;
        _aheadCount = 0;
    }

    /// <summary>It waits no longer.</summary>
    public void Close()
    {
        _memory = null;
        _aheadCount = 0;
    }

    /// <summary>Whether a thread of that process waits, and its ID can still be trusted.</summary>
    public bool IsOpenOn(ProcessMemory memory) => _memory == memory && Environment.TickCount64 - _since < TrustedMilliseconds;

    /// <summary>Reads memory of the thread. What was read ahead is handed out once: asked again, the memory is read again.</summary>
    public bool TryRead(ulong address, Span<byte> destination)
    {
        if (address == _aheadAddress && destination.Length <= _aheadCount)
        {
            TakeAhead(destination);
            return true;
        }

        // Within one page all bytes can be read or none.
        int ahead = Math.Min(AheadSize, PageSize - (int)(address % PageSize));
        if (destination.Length >= ahead) return SysMemory.ReadProcess(_thread, address, destination) == destination.Length;
        _aheadCount = (int)Math.Max(0, SysMemory.ReadProcess(_thread, address, _ahead.AsSpan(0, ahead)));
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
        return SysMemory.WriteProcess(_thread, address, source) == source.Length;
    }

    private void TakeAhead(Span<byte> destination)
    {
        _ahead.AsSpan(_aheadStart, destination.Length).CopyTo(destination);
        _aheadStart += destination.Length;
        _aheadAddress += (ulong)destination.Length;
        _aheadCount -= destination.Length;
    }
}
