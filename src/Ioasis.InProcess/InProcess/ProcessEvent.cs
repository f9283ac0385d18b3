using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Memory.Threads;

namespace Ioasis.Client.InProcess;

/// <summary>The open description of an event: its counter.</summary>
internal sealed class EventCounter : OpenDescription
{
    private readonly RankedMonitor _changed = new(LockRank.ProcessEvent);
    private ulong _count;
    private Action[] _listeners = [], _watchers = [];

    internal void Signal()
    {
        using (_changed.Enter())
        {
            if (_count < ulong.MaxValue - 1) _count++; // eventfd(2): the largest count
            _changed.PulseAll();
        }

        foreach (Action raised in Volatile.Read(ref _watchers)) raised();
        TellListeners();
    }

    /// <summary>Calls a callback for each signal, which wakes waiting threads as well.</summary>
    internal IDisposable Watch(Action raised)
    {
        bool isRaised;
        using (_changed.Enter())
        {
            _watchers = [.. _watchers, raised];
            isRaised = _count != 0;
        }

        if (isRaised) raised();
        return new Listening(this, raised);
    }

    /// <summary>Calls a callback for each signal, instead of waking waiting threads.</summary>
    internal IDisposable Listen(Action raised)
    {
        using (_changed.Enter()) _listeners = [.. _listeners, raised];
        TellListeners();
        return new Listening(this, raised);
    }

    private void TellListeners()
    {
        Action[] listeners;
        using (_changed.Enter())
        {
            listeners = _listeners;
            if (_count == 0 || listeners.Length == 0) return;
            _count = 0;
        }

        foreach (Action raised in listeners) raised();
    }

    internal ulong Wait(TimeSpan timeout)
    {
        long end = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        using (_changed.Enter())
        {
            while (_count == 0)
            {
                long left = end - Environment.TickCount64;
                if (left <= 0) return 0;
                _changed.Wait(TimeSpan.FromMilliseconds(left));
            }

            ulong count = _count;
            _count = 0;
            return count;
        }
    }

    /// <summary>Waits until the count is not 0 and takes it, without a thread that waits.</summary>
    internal async ValueTask<ulong> TakeAsync(CancellationToken cancellation)
    {
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            ulong count = Wait(TimeSpan.Zero);
            if (count != 0) return count;
            var signalled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            using IDisposable watching = Watch(() => signalled.TrySetResult());
            await signalled.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Whether the program still has its descriptor.</summary>
    internal bool HasDescriptor { get; set; } = true;

    protected override void Close()
    {
    }

    private sealed class Listening(EventCounter counter, Action raised) : IDisposable
    {
        public void Dispose()
        {
            using (counter._changed.Enter())
            {
                counter._listeners = [.. counter._listeners.Where(l => l != raised)];
                counter._watchers = [.. counter._watchers.Where(w => w != raised)];
            }
        }
    }
}

/// <summary>A device's hold on an event.</summary>
internal sealed class EventReference(EventCounter counter) : IEventFile
{
    private int _disposed;

    public bool IsOpenElsewhere => counter.HasDescriptor;

    public void Signal() => counter.Signal();

    public Errno Listen(object listener, Action raised, out IDisposable? listening)
    {
        listening = counter.Listen(raised);
        return Errno.None;
    }

    public Errno Watch(object listener, Action raised, out IDisposable? watching)
    {
        watching = counter.Watch(raised);
        return Errno.None;
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0) counter.Release();
    }
}

/// <summary>An event of a process within this one.</summary>
internal sealed class ProcessEvent : UserEvent
{
    private readonly DescriptorTable _descriptors;
    private readonly EventCounter _counter = new();
    private int _closed;

    internal ProcessEvent(DescriptorTable descriptors)
    {
        _descriptors = descriptors;
        Descriptor = descriptors.Add(_counter);
    }

    public override int Descriptor { get; }

    public override ulong Wait(TimeSpan timeout) => _counter.Wait(timeout);

    private protected override ValueTask<ulong> TakeAsync(CancellationToken cancellation) =>
        _counter.TakeAsync(cancellation);

    public override void Signal() => _counter.Signal();

    protected override void Dispose(bool disposing)
    {
        if (!disposing || Interlocked.Exchange(ref _closed, 1) != 0) return;
        _counter.HasDescriptor = false;
        _descriptors.Close(Descriptor);
    }
}
