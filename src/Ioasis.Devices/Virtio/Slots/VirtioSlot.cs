using Ioasis.Core.Dma;
using Ioasis.Devices.Slots;
using Ioasis.Memory.Threads;

namespace Ioasis.Devices.Virtio;

/// <summary>
/// The slot of a virtio model: the device's state as a transport drives it, PCI or vDPA. It owns the queues and the
/// threads that serve them.
/// </summary>
/// <remarks>
/// A queue runs while DRIVER_OK is set, the queue is enabled and the device is not suspended. What the driver says
/// about a queue is taken when it starts to run. When it stops, its base is the next chain to take, exactly. Any thread
/// may call; the calls that stop queues wait until the workers are idle. <see cref="Kick"/> never waits.
/// </remarks>
internal sealed partial class VirtioSlot : IVirtioSlot, IModelHost, IDisposable
{
    // Guards the settings of the queues, and which of them run. Held during calls to the model, but for Serve, and
    // while waiting for workers. Taken after the lock for a PCI slot's calls; before the engines' locks and those of
    // endpoints.
    private readonly RankedLock _lock = new(LockRank.VirtioSlot);
    private readonly VirtioDeviceModel _model;
    private readonly IModelHost? _outer = ModelScope.Current; // the slot of the PCI function that the device is
    private readonly PendingStarts _pending = new();
    private readonly VirtQueue[] _queues;
    private readonly VirtioWorker[] _workers;
    private readonly RingSettings[] _settings;
    private readonly bool[] _enabled;
    private readonly DmaPort?[] _ports;
    private volatile int _status;
    private volatile bool _failed;
    private int _generation;
    private bool _suspended, _unplugged, _told;

    /// <summary>Plugs a model in.</summary>
    internal VirtioSlot(VirtioDeviceModel model, IVirtioTransport transport)
    {
        _model = model;
        Transport = transport;
        Function = model.Function;
        _queues = [.. Function.Queues.Select((layout, index) => new VirtQueue(this, index, layout))];
        _workers =
        [
            .. _queues.GroupBy(queue => queue.Layout.Worker).OrderBy(queues => queues.Key)
                .Select(queues => new VirtioWorker(this, model, queues.Key, [.. queues])),
        ];
        _settings = new RingSettings[_queues.Length];
        _enabled = new bool[_queues.Length];
        _ports = new DmaPort?[_queues.Length];
        Forget();
        using (_lock.Enter())
        using (new ModelScope(this)) model.Plug(this);
    }

    /// <summary>The device's description.</summary>
    internal VirtioFunction Function { get; }

    internal IVirtioTransport Transport { get; }

    /// <summary>Those of the PCI function, if the device is one.</summary>
    public EngineList Engines { get; } = ModelScope.Current?.Engines ?? new EngineList();

    /// <summary>The features that the driver can have.</summary>
    internal ulong DeviceFeatures => Function.Features | Transport.TransportFeatures;

    /// <summary>The features that the driver has accepted.</summary>
    internal ulong DriverFeatures { get; private set; }

    /// <summary>The device status.</summary>
    internal VirtioStatus Status => (VirtioStatus)_status;

    /// <summary>Whether the device needs a reset.</summary>
    internal bool HasFailed => _failed;

    /// <summary>Changes whenever the configuration does.</summary>
    internal int Generation => Volatile.Read(ref _generation);

    /// <summary>Whether the driver has suspended the device.</summary>
    internal bool IsSuspended
    {
        get { using (_lock.Enter()) return _suspended; }
    }

    /// <summary>
    /// Accepts features. Those that are not offered are left out. False, without effect, if FEATURES_OK is set.
    /// </summary>
    internal bool SetDriverFeatures(ulong features)
    {
        using (_lock.Enter())
        {
            if ((Status & VirtioStatus.FeaturesOk) != 0) return false;
            DriverFeatures = features & DeviceFeatures;
            return true;
        }
    }

    /// <summary>
    /// Sets the status; 0 resets the device. DEVICE_NEEDS_RESET cannot be cleared in another way. The caller judges
    /// whether the driver may set it.
    /// </summary>
    internal void SetStatus(VirtioStatus status)
    {
        using (_lock.Enter())
        {
            _pending.Retry();
            if (status == VirtioStatus.None)
            {
                ResetAll();
                return;
            }

            bool starts = (status & ~Status & VirtioStatus.DriverOk) != 0;
            int old;
            do old = _status;
            while (Interlocked.CompareExchange(ref _status, (int)status | (old & (int)VirtioStatus.NeedsReset), old)
                != old);
            if (starts) Call("Start", () => _model.Start(DriverFeatures));
            RunOrStop();
        }
    }

    /// <summary>
    /// Stops all queues until <see cref="Resume"/>. When this returns, the bases are exact and no access is under way.
    /// Without effect before DRIVER_OK.
    /// </summary>
    internal void Suspend()
    {
        using (_lock.Enter())
        {
            if ((Status & VirtioStatus.DriverOk) == 0) return;
            _suspended = true;
            RunOrStop();
        }
    }

    /// <summary>Ends <see cref="Suspend"/>. Queues that were notified meanwhile are served.</summary>
    internal void Resume()
    {
        using (_lock.Enter())
        {
            _suspended = false;
            RunOrStop();
        }
    }

    /// <summary>Reads the configuration, within its size.</summary>
    internal void ReadConfig(int offset, Span<byte> destination)
    {
        destination.Clear();
        try
        {
            _model.ReadConfig(offset, destination);
        }
        catch (Exception e)
        {
            Fail("ReadConfig", e);
        }
    }

    /// <summary>Writes the configuration, within its size; false if the device ignores it.</summary>
    internal bool WriteConfig(int offset, ReadOnlySpan<byte> source)
    {
        using (_lock.Enter())
        {
            try
            {
                using (new ModelScope(this)) return _model.WriteConfig(offset, source);
            }
            catch (Exception e)
            {
                Fail("WriteConfig", e);
                return false;
            }
        }
    }

    /// <summary>Resets the device. When this returns, no access is under way and all ports are closed.</summary>
    internal void Reset()
    {
        using (_lock.Enter()) ResetAll();
    }

    /// <summary>Unplugs the model.</summary>
    public void Dispose()
    {
        using (_lock.Enter())
        {
            if (_unplugged) return;
            ResetAll();
            _unplugged = true;
            foreach (VirtioWorker worker in _workers) worker.Dispose();
            Call("Unplug", _model.Unplug);
        }
    }

    public VirtQueue Queue(int index) => _queues[index];

    public void Wake(int worker)
    {
        using (new ModelScope(this)) _workers[worker].Wake();
    }

    public void ConfigChanged()
    {
        Interlocked.Increment(ref _generation);
        if ((Status & VirtioStatus.DriverOk) != 0) Transport.SignalConfig();
    }

    public void Fail()
    {
        if (_failed) return;
        _failed = true;
        Interlocked.Or(ref _status, (int)VirtioStatus.NeedsReset);
        if ((Status & VirtioStatus.DriverOk) != 0) Transport.SignalConfig();
    }

    /// <summary>The model's code threw. Reports the exception once, and fails the device.</summary>
    public void Fail(string where, Exception e)
    {
        if (!Interlocked.Exchange(ref _told, true)) HostMessages.Tell($"{_model.GetType().Name}: {where}", e);
        Fail();
    }

    public void Await(IPendingStart engine)
    {
        _pending.Add(engine);
        _outer?.Await(engine);
    }

    public void Rest()
    {
        _outer?.Rest();
        foreach (DmaPort? port in _ports) port?.Rest();
    }

    public void Linger(IDeviceEngine engine) => _outer?.Linger(engine);

    private void ResetAll()
    {
        foreach (VirtQueue queue in _queues) queue.Stop();
        foreach (VirtioWorker worker in _workers) worker.Stop();
        for (int i = 0; i < _queues.Length; i++)
        {
            _queues[i].Clear();
            _ports[i]?.Dispose();
            _ports[i] = null;
        }

        Forget();
        _suspended = false;
        DriverFeatures = 0;
        _failed = false;
        _status = 0;
        Interlocked.Increment(ref _generation);
        Call("Reset", _model.Reset);
    }

    private void Forget()
    {
        for (int i = 0; i < _queues.Length; i++) Forget(i);
    }

    private void Forget(int queue)
    {
        _settings[queue] = new RingSettings { Size = _queues[queue].Layout.MaxSize };
        _enabled[queue] = false;
    }

    /// <summary>Stops the queues that must not run any more, then starts those that may run now.</summary>
    private void RunOrStop()
    {
        bool all = (Status & VirtioStatus.DriverOk) != 0 && !_suspended && !_unplugged;
        for (int worker = 0; worker < _workers.Length; worker++)
        {
            bool stops = false, changes = false;
            foreach (VirtQueue queue in _queues)
            {
                if (queue.Layout.Worker != worker) continue;
                bool runs = all && _enabled[queue.Index];
                changes |= runs != queue.IsStarted;
                if (runs || !queue.IsStarted) continue;
                queue.Stop();
                stops = true;
            }

            if (!changes) continue;
            if (stops) _workers[worker].Stop();
            foreach (VirtQueue queue in _queues)
            {
                if (queue.Layout.Worker != worker) continue;
                if (!all || !_enabled[queue.Index]) Stopped(queue);
                else if (!queue.IsStarted) Start(queue);
            }

            Wake(worker);
        }
    }

    private void Stopped(VirtQueue queue)
    {
        if (!queue.HasRing) return;
        _settings[queue.Index].Base = queue.Base;
        queue.Clear();
    }

    private void Start(VirtQueue queue)
    {
        DmaPort port = _ports[queue.Index] ??= Transport.OpenPort(queue.Layout.Group);
        if (!queue.TryStart(port, in _settings[queue.Index], DriverFeatures)) Fail();
    }

    private void Call(string name, Action call)
    {
        try
        {
            using (new ModelScope(this)) call();
        }
        catch (Exception e)
        {
            Fail(name, e);
        }
    }
}
