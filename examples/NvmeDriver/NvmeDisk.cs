using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Ioasis.Client.Drivers;
using Ioasis.Core.DmaApi;

namespace Ioasis.Examples.Nvme;

/// <summary>How the driver sets a controller up.</summary>
public sealed record NvmeDiskOptions
{
    /// <summary>Queues with interrupts, for the asynchronous calls.</summary>
    public int Queues { get; init; } = Environment.ProcessorCount;

    /// <summary>Queues that threads of the program poll.</summary>
    public int PolledQueues { get; init; }

    /// <summary>Entries of a queue.</summary>
    public int Entries { get; init; } = 256;

    /// <summary>How long a command may take before the controller is reset.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often a queue looks whether the controller works.</summary>
    public TimeSpan HealthCheck { get; init; } = TimeSpan.FromSeconds(1);
}

/// <summary>
/// The first namespace of an NVMe controller. All that the driver knows of its home is a <see cref="DriverFunction"/>,
/// so it is the same in user space and inside the host.
/// </summary>
public sealed class NvmeDisk : IDisposable
{
    private const int MostRestarts = 3;
    private const uint NamespaceData = 0, ControllerData = 1, ActiveNamespaces = 2; // Identify

    private readonly NvmeController _controller;
    private readonly NvmeQueue[] _queues = []; // those with interrupts first
    private readonly int _interruptQueues;
    private readonly DmaPool? _lists;
    private readonly List<(DriverInterrupt Interrupt, Thread Thread)> _handlers = [];
    private readonly TimeSpan _healthCheck;
    private readonly Lock _control = new(); // guards the controller, before a queue's lock
    private int _starts, _isClosed;

    /// <summary>Takes a controller and sets it up.</summary>
    /// <param name="function">The function; dispose it after the disk.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="IOException">The controller does not work, or has no namespace.</exception>
    public NvmeDisk(DriverFunction function, NvmeDiskOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(function);
        options ??= new NvmeDiskOptions();
        function.Dma.SetMaskAndCoherent(64);
        _healthCheck = options.HealthCheck;
        _controller = new NvmeController(function, options.Timeout);
        try
        {
            if (!_controller.TryStart(resetsFunction: false) && !_controller.TryStart(resetsFunction: true))
                throw new IOException($"{function.Name} does not start.");

            ulong pageSize = _controller.PageSize;
            // a list of one page
            ulong most = Math.Min(pageSize / sizeof(ulong) * pageSize, function.Dma.MaxMappingSize);
            Namespace = BitConverter.ToUInt32(_controller.Identify(ActiveNamespaces, 0));
            if (Namespace == 0) throw new IOException($"{function.Name} has no namespace.");
            byte[] data = _controller.Identify(ControllerData, 0);
            Serial = Encoding.ASCII.GetString(data, 4, 20).Trim();
            Model = Encoding.ASCII.GetString(data, 24, 40).Trim();
            if (data[77] != 0) most = Math.Min(most, pageSize << data[77]);
            data = _controller.Identify(NamespaceData, Namespace);
            BlockSize = 1 << data[130 + (4 * (data[26] & 0xf))];
            Length = BitConverter.ToInt64(data) * BlockSize;
            MaxTransfer = (int)most & -BlockSize;
            int interrupts = Math.Min(options.Queues, Math.Max(1, function.InterruptCount - 1));
            int wanted = interrupts + options.PolledQueues;
            int count = Math.Min(wanted, _controller.RequestQueues(wanted));
            if (count == 0) throw new IOException($"{function.Name} has no I/O queues.");
            _interruptQueues = Math.Min(interrupts, Math.Max(1, count - options.PolledQueues));
            uint listSize = (uint)Math.Max((ulong)MaxTransfer / pageSize, 1) * sizeof(ulong);
            _lists = function.Dma.CreatePool(listSize, sizeof(ulong));
            int entries = Math.Min(Math.Min(options.Entries, NvmeRequest.Most), _controller.MostEntries);
            _queues = [.. Enumerable.Range(1, count).Select(id => new NvmeQueue(_controller, id, entries,
                id > _interruptQueues ? null : Math.Min(id, function.InterruptCount - 1), _lists, this))];
            foreach (NvmeQueue queue in _queues)
                if (queue.Vector is { } vector) Serve(queue, function.OpenInterrupt(vector));
            if (!TryRestart(0)) throw new IOException($"{function.Name} does not start its queues.");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The controller's model.</summary>
    public string Model { get; } = "";

    /// <summary>The controller's serial number.</summary>
    public string Serial { get; } = "";

    /// <summary>Bytes of the namespace.</summary>
    public long Length { get; }

    /// <summary>Bytes of a block.</summary>
    public int BlockSize { get; }

    /// <summary>The most bytes of a command.</summary>
    public int MaxTransfer { get; }

    /// <summary>How often the controller was reset since it was set up.</summary>
    public int Resets => Volatile.Read(ref _starts) - 1;

    /// <summary>The queues that threads of the program poll.</summary>
    public ReadOnlySpan<NvmeQueue> PolledQueues => _queues.AsSpan(_interruptQueues);

    internal uint Namespace { get; }

    /// <summary>Reads.</summary>
    /// <param name="offset">Byte offset, a multiple of the block size.</param>
    /// <param name="destination">Whole blocks, at an address that is a multiple of 4.</param>
    /// <param name="cancel">Honoured until a command has begun.</param>
    /// <exception cref="IOException">The controller reports an error, or is given up.</exception>
    public ValueTask ReadAsync(long offset, Memory<byte> destination, CancellationToken cancel = default) =>
        TransferAsync(NvmeOpcode.Read, offset, destination, cancel);

    /// <summary>Writes. The data may be in a volatile cache until <see cref="FlushAsync"/>.</summary>
    /// <param name="offset">Byte offset, a multiple of the block size.</param>
    /// <param name="source">Whole blocks, at an address that is a multiple of 4.</param>
    /// <param name="cancel">Honoured until a command has begun.</param>
    /// <exception cref="IOException">The controller reports an error, or is given up.</exception>
    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> source, CancellationToken cancel = default) =>
        TransferAsync(NvmeOpcode.Write, offset, MemoryMarshal.AsMemory(source), cancel);

    /// <summary>Waits until all data that was written before is on the medium.</summary>
    /// <exception cref="IOException">The controller reports an error, or is given up.</exception>
    public async ValueTask FlushAsync(CancellationToken cancel = default)
    {
        NvmeStatus status = await OwnQueue().RunAsync(NvmeOpcode.Flush, 0, default, cancel).ConfigureAwait(false);
        if (status != NvmeStatus.Success) throw new IOException($"The flush ended with {status}.");
    }

    /// <summary>Resets the controller. Commands in flight are submitted again.</summary>
    public void Reset() => TryRestart(Volatile.Read(ref _starts));

    /// <summary>Shuts the controller down. Commands in flight end without success.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isClosed, 1) != 0) return;
        foreach ((DriverInterrupt interrupt, _) in _handlers) interrupt.Signal();
        foreach ((_, Thread thread) in _handlers) thread.Join();
        lock (_control)
        {
            foreach (NvmeQueue queue in _queues) queue.Stop();
            _controller.Stop();
            foreach (NvmeQueue queue in _queues) queue.Start(works: false);
        }

        foreach (IDisposable queue in _queues) queue.Dispose();
        foreach ((DriverInterrupt interrupt, _) in _handlers) interrupt.Dispose();
        _lists?.Dispose();
        _controller.Dispose();
    }

    /// <summary>Resets the controller if it has failed, or if a command of a queue is too late.</summary>
    internal void CheckHealth(NvmeQueue queue)
    {
        int starts = Volatile.Read(ref _starts);
        if (_controller.HasFailed || queue.IsLate()) TryRestart(starts);
    }

    /// <summary>Restarts the controller, unless somebody did since <paramref name="starts"/> was read.</summary>
    /// <returns>False if it does not start: it is given up.</returns>
    private bool TryRestart(int starts)
    {
        lock (_control)
        {
            if (_starts != starts || _isClosed != 0) return true;
            foreach (NvmeQueue queue in _queues) queue.Stop();
            bool works = false;
            for (int i = 0; i < MostRestarts && !works; i++)
                works = _controller.TryStart(resetsFunction: i > 0) && CreateQueues();
            if (!works) _controller.StopDma();
            foreach (NvmeQueue queue in _queues) queue.Start(works);
            Volatile.Write(ref _starts, starts + 1);
            return works;
        }
    }

    private bool CreateQueues() =>
        _controller.RequestQueues(_queues.Length) >= _queues.Length && _queues.All(_controller.TryCreate);

    private void Serve(NvmeQueue queue, DriverInterrupt interrupt)
    {
        var thread = new Thread(() =>
        {
            for (long check = 0; Volatile.Read(ref _isClosed) == 0;)
            {
                interrupt.Wait(_healthCheck);
                queue.Reap();
                if (Stopwatch.GetElapsedTime(check) < _healthCheck) continue;
                CheckHealth(queue);
                check = Stopwatch.GetTimestamp();
            }
        })
        { IsBackground = true, Name = $"nvme queue {queue.Id}" };
        _handlers.Add((interrupt, thread));
        thread.Start();
    }

    private async ValueTask TransferAsync(
        NvmeOpcode opcode, long offset, Memory<byte> memory, CancellationToken cancel)
    {
        if (offset % BlockSize != 0 || memory.Length % BlockSize != 0)
            throw new ArgumentException($"{memory.Length} bytes at {offset} are no blocks of {BlockSize} bytes.");
        for (int done = 0; done < memory.Length; done += MaxTransfer)
        {
            Memory<byte> part = memory.Slice(done, Math.Min(MaxTransfer, memory.Length - done));
            long block = (offset + done) / BlockSize;
            NvmeStatus status = await OwnQueue().RunAsync(opcode, block, part, cancel).ConfigureAwait(false);
            if (status != NvmeStatus.Success)
                throw new IOException($"The {opcode} of {part.Length} bytes at block {block} ended with {status}.");
        }
    }

    /// <summary>The queue of this processor.</summary>
    private NvmeQueue OwnQueue() => _queues[(uint)Thread.GetCurrentProcessorId() % (uint)_interruptQueues];
}
