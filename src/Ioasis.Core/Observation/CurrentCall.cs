namespace Ioasis.Core.Observation;

/// <summary>
/// The call of a program that a thread of ours serves while somebody observes calls. Events that the thread tells
/// meanwhile belong to it.
/// </summary>
internal static class CurrentCall
{
    private static long s_last;

    [ThreadStatic]
    private static long s_number;

    /// <summary>The number of the call (<see cref="NodeCall.Number"/>); 0 for none.</summary>
    public static long Number => s_number;

    /// <summary>A call begins.</summary>
    public static Scope Begin()
    {
        long before = s_number;
        s_number = Interlocked.Increment(ref s_last);
        return new Scope(before);
    }

    /// <summary>The thread serves the call until this is disposed of.</summary>
    /// <param name="before">The number of the call before.</param>
    public readonly ref struct Scope(long before) : IDisposable
    {
        /// <inheritdoc/>
        public void Dispose() => s_number = before;
    }
}
