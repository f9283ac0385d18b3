namespace Ioasis.Memory;

/// <summary>
/// Named points between two steps of an algorithm. A test stops a thread there and lets others run. Outside of tests a
/// point costs one read of a static field. No point is on the path of an access
/// that nobody watches.
/// </summary>
internal static class Interleave
{
    [ThreadStatic]
    private static Action<string>? s_reached;
    private static int s_watching; // threads that have a watcher

    /// <summary>Marks a point that the calling thread reaches.</summary>
    /// <param name="point">Type and step, as <c>ObjectTable.TakenOut</c>.</param>
    internal static void At(string point)
    {
        if (Volatile.Read(ref s_watching) != 0) s_reached?.Invoke(point);
    }

    /// <summary>
    /// Calls <paramref name="reached"/> at each point that the calling thread reaches during an action.
    /// </summary>
    internal static void Watch(Action<string> reached, Action action)
    {
        Interlocked.Increment(ref s_watching);
        s_reached = reached;
        try
        {
            action();
        }
        finally
        {
            s_reached = null;
            Interlocked.Decrement(ref s_watching);
        }
    }
}
