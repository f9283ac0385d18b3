using Ioasis.Memory;

namespace Ioasis.Tests;

/// <summary>
/// A thread that stands at a named point of the product (<see cref="Interleave"/>) until it is told to go on.
/// </summary>
internal sealed class StoppedThread : IDisposable
{
    private readonly ManualResetEventSlim _stands = new();
    private readonly ManualResetEventSlim _goOn = new();
    private readonly Thread _thread;
    private bool _hasReached;
    private Exception? _failure;

    private StoppedThread(string point, Action action)
    {
        _thread = new Thread(() =>
        {
            try
            {
                Interleave.Watch(reached => Stop(reached == point), action);
            }
            catch (Exception e)
            {
                _failure = e;
            }

            _stands.Set(); // also when it ended without having come there
        });
        _thread.Start();
    }

    /// <summary>
    /// Runs an action on a thread of its own; returns when that stands at the point, for the first time.
    /// </summary>
    internal static StoppedThread At(string point, Action action)
    {
        var thread = new StoppedThread(point, action);
        Assert.True(thread._stands.Wait(Until.Patience), $"nobody came to {point}");
        Assert.True(thread._hasReached, $"the thread ended without coming to {point}: {thread._failure}");
        return thread;
    }

    /// <summary>Lets the thread go on, and waits for its end.</summary>
    internal void GoOn()
    {
        _goOn.Set();
        Assert.True(_thread.Join(Until.Patience), "the thread does not end");
        Assert.Null(_failure);
    }

    public void Dispose()
    {
        _goOn.Set();
        _thread.Join(Until.Patience);
        _stands.Dispose();
        _goOn.Dispose();
    }

    private void Stop(bool isHere)
    {
        if (!isHere || _hasReached) return;
        _hasReached = true;
        _stands.Set();
        _goOn.Wait();
    }
}
