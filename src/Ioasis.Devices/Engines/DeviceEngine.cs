using Ioasis.Core.Dma;
using Ioasis.Devices.Slots;
using Ioasis.Memory.Threads;

namespace Ioasis.Devices;

/// <summary>Makes engines.</summary>
public static class DeviceEngine
{
    /// <summary>Makes an engine. It has no thread before its first command.</summary>
    /// <typeparam name="TCommand">A command: the parameters at the time when the doorbell was rung.</typeparam>
    /// <param name="name">The thread's name.</param>
    /// <param name="run">Executes one command, on the engine's thread. Once its token is cancelled, it must return soon
    /// and without an effect that the driver sees. So it checks the token between pieces of work (and may throw on it),
    /// and pauses with <see cref="EnginePause.Pause"/>.</param>
    public static DeviceEngine<TCommand> Create<TCommand>(string name, Action<TCommand, CancellationToken> run) =>
        new(name, run);
}

/// <summary>
/// A thread of a device for work that a driver's call only starts. It executes one command at a time, and one more can
/// wait. The first command starts the thread; <see cref="Dispose"/> ends it.
/// </summary>
/// <remarks>
/// A model's <see cref="PciDeviceModel.Ring"/> calls <see cref="TryStart"/>, its <see cref="PciDeviceModel.Reset"/>
/// <see cref="Abort"/>, its <see cref="PciDeviceModel.Unplug"/> <see cref="Dispose"/>. There is room for one command
/// beside the one that runs because a driver may start the next as soon as it sees the first one's result, which is
/// before that one's code has returned.
/// <para>A command that throws, other than because it was told to stop, fails the device: it does no more DMA and its
/// registers read as ones, until a reset. Other devices go on.</para>
/// <para>Where the host has no thread to give, the command waits until it has one: the driver sees a device that takes
/// its time.</para>
/// </remarks>
/// <typeparam name="TCommand">A command: the parameters at the time when the doorbell was rung.</typeparam>
public sealed class DeviceEngine<TCommand> : IDisposable, IPendingStart, IDeviceEngine
{
    // Guards everything below. Commands run without it. Taken after the lock for the slot's calls and the model's
    // locks.
    private readonly RankedMonitor _lock = new(LockRank.DeviceEngine);
    private readonly string _name;
    private readonly Action<TCommand, CancellationToken> _run;
    private CancellationTokenSource _abort = new();
    private TCommand? _next;
    private bool _hasNext;
    private bool _running;
    private bool _ending;
    private int _waiting; // threads that wait for a change
    private Thread? _thread;
    private IModelHost? _slot; // the device's slot; null outside of one

    internal DeviceEngine(string name, Action<TCommand, CancellationToken> run)
    {
        _name = name;
        _run = run;
    }

    /// <summary>Queues a command; false, without effect, if one is waiting already.</summary>
    public bool TryStart(TCommand command)
    {
        using (_lock.Enter())
        {
            ObjectDisposedException.ThrowIf(_ending, this);
            return Queue(command);
        }
    }

    /// <summary>As <see cref="TryStart"/>; false after the engine's end.</summary>
    internal bool TryStartUnlessEnded(TCommand command)
    {
        using (_lock.Enter()) return !_ending && Queue(command);
    }

    /// <summary>Drops the waiting command, stops the running one, and returns when none is running.</summary>
    public void Abort()
    {
        using (_lock.Enter())
        {
            _hasNext = false;
            _next = default;
            if (!_running) return;
            _abort.Cancel();
            while (_running) Wait();
            _abort.Dispose();
            _abort = new CancellationTokenSource();
        }
    }

    /// <summary>Stops as <see cref="Abort"/> does and ends the thread.</summary>
    public void Dispose()
    {
        Thread? thread;
        using (_lock.Enter())
        {
            if (_ending) return;
            Abort();
            _ending = true;
            thread = _thread;
            Tell();
        }

        thread?.Join();
        _abort.Dispose();
    }

    string IDeviceEngine.Name => _name;

    bool IDeviceEngine.IsBusy => Volatile.Read(ref _running) || Volatile.Read(ref _hasNext);

    bool IDeviceEngine.IsWanted => Volatile.Read(ref _hasNext) || Volatile.Read(ref _ending);

    bool IDeviceEngine.HasEnded => Volatile.Read(ref _ending);

    bool IPendingStart.TryBegin()
    {
        using (_lock.Enter()) return !_hasNext || _ending || TryHaveThread();
    }

    private bool Queue(TCommand command)
    {
        if (_slot is null && ModelScope.Current is { } slot) (_slot = slot).Engines.Add(this);
        if (_hasNext)
        {
            TryHaveThread();
            return false;
        }

        _next = command;
        _hasNext = true;
        if (!TryHaveThread()) _slot?.Await(this);
        Tell();
        return true;
    }

    private void Wait()
    {
        _waiting++;
        _lock.Wait();
        _waiting--;
    }

    // A thread that polls starts itself, and nobody waits.
    private void Tell()
    {
        if (_waiting != 0) _lock.PulseAll();
    }

    private bool TryHaveThread()
    {
        _thread ??= HostThread.TryStart(_name, Work);
        return _thread is not null;
    }

    private void Work()
    {
        using var scope = new ModelScope(_slot);
        while (true)
        {
            TCommand command;
            CancellationToken abort;
            using (_lock.Enter())
            {
                while (!_hasNext && !_ending) Wait();
                if (_ending) return;
                command = _next!;
                _next = default;
                _hasNext = false;
                _running = true;
                abort = _abort.Token;
            }

            try
            {
                EngineStop.Current = abort; // for accesses that wait
                _run(command, abort);
            }
            catch (OperationCanceledException) when (abort.IsCancellationRequested)
            {
                // commands may end so when told to stop
            }
            catch (Exception e)
            {
                if (_slot is not null) _slot.Fail($"engine \"{_name}\"", e);
                else HostMessages.Tell($"engine \"{_name}\"", e);
            }

            EngineStop.Current = default;
            _slot?.Rest();
            using (_lock.Enter())
            {
                _running = false;
                Tell();
            }

            _slot?.Linger(this);
        }
    }
}
