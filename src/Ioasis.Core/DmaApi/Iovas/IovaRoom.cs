using System.Runtime.CompilerServices;

namespace Ioasis.Core.DmaApi;

/// <summary>
/// Tells callers that found no room when some is given back. Giving back costs one load while nobody waits.
/// </summary>
internal sealed class IovaRoom
{
    private volatile TaskCompletionSource? _next;

    /// <summary>
    /// A task that ends when room is given back after this call. A caller looks for room once more before it waits.
    /// </summary>
    internal Task Next()
    {
        TaskCompletionSource? next = _next;
        if (next is null)
        {
            var made = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            next = Interlocked.CompareExchange(ref _next, made, null) ?? made;
        }

        // Giving back has no fence between its store and its look at the field. This one is for both sides: either the
        // caller finds what was given back, or the task is seen and ended.
        Interlocked.MemoryBarrierProcessWide();
        return next.Task;
    }

    /// <summary>Room was given back, or somebody who waits has to look why there will be none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Given()
    {
        if (_next is not null) Wake();
    }

    private void Wake() => Interlocked.Exchange(ref _next, null)?.SetResult();
}
