using System.Runtime.CompilerServices;

namespace Ioasis.Core.DmaApi;

/// <summary>An object for each thread that calls the DMA API (<see cref="DriverThread"/>).</summary>
internal sealed class PerThread<T> where T : class, new()
{
    private T?[] _items = [];

    /// <summary>The objects that there are; null for a thread that has none.</summary>
    internal ReadOnlySpan<T?> All => Volatile.Read(ref _items);

    /// <summary>The object of a thread, if it has one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal T? Of(DriverThread thread)
    {
        T?[] items = _items;
        return (uint)thread.Index < (uint)items.Length ? items[thread.Index] : null;
    }

    /// <summary>Begins a section of the calling thread, in which the thread has an object.</summary>
    internal DriverThread Enter(out T mine)
    {
        while (true)
        {
            DriverThread thread = DriverThread.Enter();
            if (Of(thread) is { } there)
            {
                mine = there;
                return thread;
            }

            thread.Leave();
            T?[] before = Volatile.Read(ref _items), after = before;
            if (thread.Index < before.Length) after = [.. before];
            else Array.Resize(ref after, thread.Index + 1);
            after[thread.Index] = new T();
            Interlocked.CompareExchange(ref _items, after, before);
        }
    }
}
