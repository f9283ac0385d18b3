using Ioasis.Client;
using Ioasis.Client.Drivers;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Pasids;

namespace Ioasis.Examples.Dsa;

/// <summary>
/// A DSA. The driver's own queue sends the system PASID, so its descriptors have addresses of the DMA API. User queues
/// stand beside it: each sends the PASID of a process, whose pointers its descriptors have. All that the driver knows
/// of its home is a <see cref="DriverFunction"/>.
/// </summary>
public sealed class DsaAccelerator : IDisposable
{
    internal const long Timeout = 30_000; // of a descriptor, in milliseconds
    internal const long HealthCheck = 100; // how often a queue looks whether the device works

    private const int CommandTimeout = 10_000, MostRestarts = 3;

    private readonly DriverBar _registers;
    private readonly SystemPasid? _system;
    private readonly int _queues, _engines;
    private readonly bool _requestsHandles; // of interrupts: they are no vectors then
    private readonly uint _limits; // of a queue: the device's own
    private readonly ulong _operations, _groupTable, _queueTable, _permissionTable;
    private readonly Lock _control = new(); // guards registers and queues, before a queue's lock
    private readonly DsaQueue?[] _open;
    private readonly Dictionary<DsaQueue, BoundProcess> _processes = [];
    private int _starts, _isClosed;

    /// <summary>Takes a device and sets it up.</summary>
    /// <param name="function">The function; dispose it after this.</param>
    /// <exception cref="IOException">The device does not work, or has no queue with an interrupt.</exception>
    public DsaAccelerator(DriverFunction function)
    {
        ArgumentNullException.ThrowIfNull(function);
        Function = function;
        function.Dma.SetMaskAndCoherent(64);
        function.EnableBusMaster(true);
        _registers = function.OpenBar(0, maps: false); // a command is answered at once
        Portals = function.OpenBar(2);
        ulong general = _registers.Read<ulong>(DsaRegister.GeneralCapabilities);
        ulong queues = _registers.Read<ulong>(DsaRegister.QueueCapabilities);
        ulong tables = _registers.Read<ulong>(DsaRegister.Tables);
        _groupTable = (tables & 0xffff) * DsaRegister.TableUnit;
        _queueTable = ((tables >> 16) & 0xffff) * DsaRegister.TableUnit;
        _permissionTable = ((tables >> 32) & 0xffff) * DsaRegister.TableUnit;
        _operations = _registers.Read<ulong>(DsaRegister.Operations);
        _requestsHandles = (_registers.Read<uint>(DsaRegister.CommandCapabilities)
            & (1u << (int)DsaCommand.RequestHandle)) != 0;
        _engines = (int)(_registers.Read<ulong>(DsaRegister.EngineCapabilities) & 0xff);
        QueueEntrySize = 32UL << (int)((queues >> 24) & 0xf);
        _queues = Math.Min((int)((queues >> 16) & 0xff), function.InterruptCount - 1);
        EntriesOfQueue = _queues == 0 ? 0 : (int)(queues & 0xffff) / _queues;
        _limits = (uint)(general >> 16) & 0x1ff;
        _open = new DsaQueue?[_queues];
        try
        {
            if (EntriesOfQueue == 0) throw new IOException($"{function.Name} has no queues.");
            // Without PASIDs the driver's own queue sends none, and there are no user queues.
            IommuStatus status = function.AcquireSystemPasid(out _system);
            if (status is not (IommuStatus.Ok or IommuStatus.NotSupported))
                throw new IOException($"{function.Name} has no PASID: {status}.");
            if (!TryStart(resetsFunction: false) && !TryStart(resetsFunction: true))
                throw new IOException($"{function.Name} does not start.");
            status = function.Dma.AllocateCoherent(DsaQueue.MemorySize(EntriesOfQueue), out DmaBuffer? memory);
            if (status != IommuStatus.Ok) throw new IOException($"No memory for a queue: {status}.");
            lock (_control)
            {
                Queue = new DsaQueue(this, 0, _system?.Value, memory!, memory!.Bytes, memory.Address.Value);
                _open[0] = Queue;
                if (!TryEnable(Queue)) throw new IOException($"{function.Name} does not enable its queue.");
                Queue.Start(works: true);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The function.</summary>
    public DriverFunction Function { get; }

    /// <summary>The driver's own queue, for memory that is mapped by <see cref="DriverFunction.Dma"/>.</summary>
    public DsaQueue Queue { get; } = null!;

    /// <summary>How many user queues there can be.</summary>
    public int MostUserQueues => _system is null ? 0 : _queues - 1;

    /// <summary>The most bytes of a descriptor.</summary>
    public long MaxTransfer => 1L << (int)(_limits & 0x1f);

    /// <summary>How often the device was reset since it was set up.</summary>
    public int Resets => Volatile.Read(ref _starts);

    internal DriverBar Portals { get; }

    internal int EntriesOfQueue { get; }

    private ulong QueueEntrySize { get; }

    /// <summary>Opens a queue for a process: its descriptors have the process's pointers.</summary>
    /// <param name="process">The process, whose memory the queue's records are in, too.</param>
    /// <param name="queue">The queue, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns>As <see cref="DriverFunction.BindProcess"/>; NoSpace if there is no queue left.</returns>
    public IommuStatus OpenUserQueue(NodeTransport process, out DsaQueue? queue)
    {
        ArgumentNullException.ThrowIfNull(process);
        queue = null;
        lock (_control)
        {
            ObjectDisposedException.ThrowIf(_isClosed != 0, this);
            if (_system is null) return IommuStatus.NotSupported;
            int index = Array.IndexOf(_open, null);
            if (index < 0) return IommuStatus.NoSpace;
            UserMemory memory = process.Allocate(DsaQueue.MemorySize(EntriesOfQueue));
            IommuStatus status = Function.BindProcess(process, out BoundProcess? binding);
            if (status != IommuStatus.Ok)
            {
                memory.Dispose();
                return status;
            }

            queue = new DsaQueue(this, index, binding!.Value, memory, memory.Bytes, memory.Address.Value);
            (_open[index], _processes[queue]) = (queue, binding);
            bool works = TryEnable(queue);
            queue.Start(works);
            if (works) return IommuStatus.Ok;
        }

        Close(queue);
        queue = null;
        return IommuStatus.DeviceError;
    }

    /// <summary>Resets the device. Descriptors in flight end, aborted unless they had ended.</summary>
    /// <exception cref="IOException">The device does not work any more.</exception>
    public void Reset()
    {
        if (!Restart(Volatile.Read(ref _starts))) throw new IOException($"{Function.Name} does not start.");
    }

    /// <summary>Stops the device, when descriptors in flight have ended.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isClosed, 1) != 0) return;
        foreach (DsaQueue? queue in _open)
            if (queue is not null) Close(queue);
        lock (_control)
            if (Run(DsaCommand.ResetDevice) != 0) Function.Reset();
        _system?.Dispose();
        Portals.Dispose();
        _registers.Dispose();
    }

    /// <summary>Closes a queue, when what the device has of it has ended, and frees what it has.</summary>
    internal void Close(DsaQueue queue)
    {
        queue.EndThread(); // outside of the lock, which the thread may want
        BoundProcess? binding;
        lock (_control)
        {
            if (_open[queue.Index] != queue) return;
            _open[queue.Index] = null;
            _processes.Remove(queue, out binding);
            queue.Stop();
            if (Run(DsaCommand.DisableQueue, 1u << queue.Index) != 0) RestartLocked();
            queue.Free();
        }

        binding?.Dispose();
    }

    /// <summary>Resets the device if it is not enabled any more, or if a descriptor of a queue is too late.</summary>
    internal void CheckHealth(DsaQueue queue)
    {
        int starts = Volatile.Read(ref _starts);
        bool works = (_registers.Read<uint>(DsaRegister.State) & DsaRegister.StateMask) == DsaRegister.Enabled;
        if (!works || queue.IsLate()) Restart(starts);
    }

    /// <summary>Restarts the device, unless somebody did since <paramref name="starts"/> was read.</summary>
    private bool Restart(int starts)
    {
        lock (_control) return _starts != starts || RestartLocked();
    }

    private bool RestartLocked()
    {
        DsaQueue[] queues = [.. _open.OfType<DsaQueue>()];
        foreach (DsaQueue queue in queues) queue.Stop();
        bool works = false;
        for (int i = 0; i < MostRestarts && !works; i++)
            works = TryStart(resetsFunction: i > 0) && queues.All(TryEnable);
        foreach (DsaQueue queue in queues) queue.Start(works);
        Volatile.Write(ref _starts, _starts + 1);
        return works;
    }

    /// <summary>
    /// Resets and configures the device. One that is configured already (an mdev) keeps what it has. The driver's own
    /// queue has half of the engines for itself, so no process's descriptors hold it up.
    /// </summary>
    private bool TryStart(bool resetsFunction)
    {
        if (resetsFunction && Function.Reset() != IommuStatus.Ok) return false;
        if (Run(DsaCommand.ResetDevice) != 0) return false;
        ulong queues = (1UL << _queues) - 1, engines = (1UL << _engines) - 1, half = (1UL << (_engines / 2)) - 1;
        bool isShared = _queues == 1 || _engines == 1;
        WriteGroup(0, isShared ? queues : 1, isShared ? engines : half);
        if (!isShared) WriteGroup(1, queues & ~1UL, engines & ~half);
        for (int i = 0; i < _queues; i++)
            _registers.Write(EntryOf(i) + DsaRegister.QueueSize, (uint)EntriesOfQueue);
        return Run(DsaCommand.EnableDevice) == 0;
    }

    private void WriteGroup(ulong group, ulong queues, ulong engines)
    {
        ulong entry = _groupTable + (group * DsaRegister.GroupSize);
        _registers.Write(entry, queues);
        _registers.Write(entry + DsaRegister.GroupEngines, engines);
    }

    /// <summary>Configures and enables a queue. Its interrupt is for descriptors with its PASID alone.</summary>
    private bool TryEnable(DsaQueue queue)
    {
        queue.Handle = (ushort)queue.Vector;
        if (_requestsHandles)
        {
            if (Run(DsaCommand.RequestHandle, (uint)queue.Vector, out uint handle) != 0) return false;
            queue.Handle = (ushort)handle;
        }

        uint pasid = queue.Pasid is { } value ? value.Value : 0, has = pasid == 0 ? 0u : 1;
        _registers.Write(_permissionTable + ((ulong)queue.Vector * DsaRegister.PermissionSize),
            (has * DsaRegister.PermissionHasPasid) | (pasid << DsaRegister.PermissionPasidShift));
        ulong entry = EntryOf(queue.Index);
        _registers.Write(entry + DsaRegister.QueueMode, DsaRegister.IsDedicated | DsaRegister.Priority
            | (has * DsaRegister.HasPasid) | (pasid << DsaRegister.PasidShift));
        _registers.Write(entry + DsaRegister.QueueLimits, _limits);
        _registers.Write(entry + DsaRegister.QueueOperations, _operations);
        return Run(DsaCommand.EnableQueue, (uint)queue.Index) == 0;
    }

    private ulong EntryOf(int queue) => _queueTable + ((ulong)queue * QueueEntrySize);

    /// <summary>Does a command; its error, 0 for none. The caller has the lock.</summary>
    private byte Run(DsaCommand command, uint operand = 0) => Run(command, operand, out _);

    private byte Run(DsaCommand command, uint operand, out uint result)
    {
        const byte tooLate = 0xff;
        result = 0;
        _registers.Write(DsaRegister.Command, ((uint)command << DsaRegister.CommandShift) | operand);
        long end = Environment.TickCount64 + CommandTimeout;
        SpinWait wait = default;
        while (true)
        {
            uint status = _registers.Read<uint>(DsaRegister.CommandStatus);
            if (status == uint.MaxValue) return tooLate; // the function is gone
            result = status >> DsaRegister.ResultShift;
            if ((status & DsaRegister.IsActive) == 0) return (byte)status;
            if (Environment.TickCount64 >= end) return tooLate;
            wait.SpinOnce(sleep1Threshold: 100);
        }
    }
}
