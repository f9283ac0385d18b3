namespace Ioasis.Memory.Threads;

/// <summary>
/// The holders of something that ends with its last holder: it begins with one, and once none is left there is never
/// another. A field of this type is not readonly, or the count stays as it is.
/// </summary>
internal struct HoldCount
{
    private int _holds = 1;

    /// <summary>Begins with one holder.</summary>
    public HoldCount()
    {
    }

    /// <summary>Adds a holder, unless none is left.</summary>
    public bool TryAdd() => TryAdd(1);

    /// <summary>Adds several holders, unless none is left.</summary>
    public bool TryAdd(int count)
    {
        int held;
        do
        {
            held = Volatile.Read(ref _holds);
            if (held == 0) return false;
        }
        while (Interlocked.CompareExchange(ref _holds, held + count, held) != held);
        return true;
    }

    /// <summary>Adds a holder. The caller guarantees that there is another one meanwhile.</summary>
    public void Add() => Interlocked.Increment(ref _holds);

    /// <summary>Removes a holder; true for the last one.</summary>
    public bool Release() => Release(1);

    /// <summary>Removes several holders, at least one; true with the last one.</summary>
    public bool Release(int count) => Interlocked.Add(ref _holds, -count) == 0;
}
