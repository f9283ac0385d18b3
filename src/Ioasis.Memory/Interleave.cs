namespace Ioasis.Memory;

/// <summary>
/// Named points between two steps, where a test stops a thread to let others run. Outside of tests a point costs one
/// test of a static field. No point is on a path of a device's access.
/// </summary>
internal static class Interleave
{
    [ThreadStatic]
    private static Action<string>? t_reached;
    private static int s_watching; // threads that have a watcher

    /// <summary>The calling thread reaches a point.</summary>
    /// <param name="point">Type and step, as <c>ObjectTable.TakenOut</c>.</param>
    internal static void At(string point)
    {
        if (Volatile.Read(ref s_watching) != 0) t_reached?.Invoke(point);
    }

    /// <summary>
    /// Calls <paramref name="reached"/> at each point that the calling thread reaches during an action.
    /// </summary>
    internal static void Watch(Action<string> reached, Action action)
    {
        Interlocked.Increment(ref s_watching);
        t_reached = reached;
        try
        {
            action();
        }
        finally
        {
            t_reached = null;
            Interlocked.Decrement(ref s_watching);
        }
    }
}
