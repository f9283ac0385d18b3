using System.Runtime.CompilerServices;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Examples.Nvme;

/// <summary>
/// A submission queue and its completion queue. A polled queue belongs to the thread that submits and polls; the
/// <see cref="NvmeDisk"/> uses the others for its asynchronous calls and reaps them in a thread of its own.
/// </summary>
public sealed class NvmeQueue : IDisposable
{
    private const int CompletionSize = 16, MostFailures = 5, DoNotRetry = 1 << 14;

    private readonly NvmeController _controller;
    private readonly NvmeDisk? _disk; // none of the admin queue
    private readonly ulong _tailDoorbell, _headDoorbell;
    private readonly SemaphoreSlim _room; // of a queue that is not polled
    private readonly Lock _lock = new(); // guards what follows
    private readonly DmaBuffer _submissionRing, _completionRing;
    private readonly SharedBytes _submissions, _completions; // the rings' bytes
    private readonly NvmeRequest[] _requests;
    private readonly Queue<NvmeRequest> _free;
    private readonly Queue<NvmeRequest> _ended; // those of a polled queue that no poll has told yet
    private int _tail, _rung, _head, _idlePolls; // the controller knows the tail that was rung
    private uint _phase;
    private bool _isLive; // false while the controller restarts: commands wait in their requests
    private bool _isFailed; // the controller is given up

    internal NvmeQueue(
        NvmeController controller, int id, int entries, int? vector, DmaPool? lists, NvmeDisk? disk = null)
    {
        (_controller, _disk, Id, Entries, Vector) = (controller, disk, id, entries, vector);
        _tailDoorbell = NvmeRegister.Doorbells + ((ulong)(2 * id) * controller.DoorbellStride);
        _headDoorbell = _tailDoorbell + controller.DoorbellStride;
        _submissionRing = controller.Allocate((ulong)entries * NvmeCommand.Size);
        _completionRing = controller.Allocate((ulong)entries * CompletionSize);
        (_submissions, _completions) = (_submissionRing.Bytes, _completionRing.Bytes);
        _requests = [.. Enumerable.Range(0, entries - 1).Select(i => new NvmeRequest(i, lists))];
        (_free, _ended) = (new Queue<NvmeRequest>(_requests), new Queue<NvmeRequest>(_requests.Length));
        _room = new SemaphoreSlim(_requests.Length);
    }

    /// <summary>The queue's ID; 0 is the admin queue.</summary>
    public int Id { get; }

    /// <summary>Entries of each ring. One command less can be in flight.</summary>
    public int Entries { get; }

    /// <summary>Its interrupt; null if it is polled.</summary>
    internal int? Vector { get; }

    internal Iova Submissions => _submissionRing.Address;

    internal Iova Completions => _completionRing.Address;

    /// <summary>
    /// Submits a command to a polled queue. The next poll rings the doorbell, once for all commands. Allocates nothing.
    /// </summary>
    /// <param name="opcode">What to do.</param>
    /// <param name="block">The first block; 0 for a flush.</param>
    /// <param name="blocks">Number of blocks; 0 for a flush.</param>
    /// <param name="data">I/O address of the data, a multiple of 4, mapped until the command has ended.</param>
    /// <param name="cookie">A number that comes back with the end of the command.</param>
    /// <returns>False if as many commands as possible are in flight.</returns>
    public bool TrySubmit(NvmeOpcode opcode, long block, int blocks, Iova data, long cookie)
    {
        lock (_lock)
        {
            if (Vector is not null || !_free.TryDequeue(out NvmeRequest? request)) return false;
            request.Cookie = cookie;
            Begin(request, opcode, block, blocks, data);
            return true;
        }
    }

    /// <summary>
    /// Collects commands of a polled queue that have ended. Allocates nothing. It notices a controller that has failed
    /// or does not answer, resets it, and submits the commands again.
    /// </summary>
    /// <param name="ended">Room for them.</param>
    /// <returns>How many there were.</returns>
    public int Poll(Span<NvmeResult> ended)
    {
        int count = 0;
        lock (_lock)
        {
            Reap();
            while (count < ended.Length && _ended.TryDequeue(out NvmeRequest? request))
            {
                ended[count++] = new NvmeResult(request.Cookie, request.Status);
                _free.Enqueue(request);
            }
        }

        if (count > 0) _idlePolls = 0;
        else if ((++_idlePolls & 0xffff) == 0) _disk!.CheckHealth(this);
        return count;
    }

    /// <summary>Does a command of a queue that is not polled, and waits for its end.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    internal async ValueTask<NvmeStatus> RunAsync(NvmeOpcode opcode, long block, Memory<byte> data,
        CancellationToken cancel)
    {
        await _room.WaitAsync(cancel).ConfigureAwait(false);
        NvmeRequest request;
        lock (_lock) request = _free.Dequeue();
        try
        {
            if (data.IsEmpty) return await Start(request, opcode, 0, 0, default).ConfigureAwait(false);
            IommuStatus status = _controller.Dma.Map(data,
                opcode == NvmeOpcode.Read ? DmaDirection.FromDevice : DmaDirection.ToDevice, out DmaMapping mapping);
            if (status != IommuStatus.Ok) throw new IOException($"{data.Length} bytes cannot be mapped: {status}.");
            using DmaMapping _ = mapping;
            // A command in flight cannot be cancelled: the device has the memory until the command has ended.
            return await Start(request, opcode, block, data.Length / _disk!.BlockSize, mapping.Address)
                .ConfigureAwait(false);
        }
        finally
        {
            lock (_lock) _free.Enqueue(request);
            _room.Release();
        }
    }

    /// <summary>Does a command of the admin queue by polling; the controller's user has locked it.</summary>
    internal NvmeStatus Run(in NvmeCommand command, out uint result)
    {
        NvmeRequest request = _requests[0];
        lock (_lock)
        {
            request.Command = command;
            Begin(request);
        }

        SpinWait wait = default;
        while (request.IsActive && !_controller.HasFailed && Environment.TickCount64 < request.Deadline)
            if (Reap() == 0) wait.SpinOnce(sleep1Threshold: 100);

        lock (_lock)
        {
            if (request.IsActive) request.End(NvmeStatus.HostPathError);
            result = request.Result;
            return request.Status;
        }
    }

    /// <summary>Takes completions from the ring.</summary>
    /// <returns>How many there were.</returns>
    internal int Reap()
    {
        lock (_lock)
        {
            int count = 0;
            for (; _isLive; count++)
            {
                ulong at = (ulong)_head * CompletionSize;
                uint last = _completions.Read<uint>(at + 12); // command ID, phase, status
                if (((last >> 16) & 1) != _phase) break;
                uint result = _completions.Read<uint>(at), status = last >> 17;
                if (++_head == Entries) (_head, _phase) = (0, _phase ^ 1);
                int number = NvmeRequest.NumberOf((ushort)last);
                if (number >= _requests.Length || !_requests[number].Has((ushort)last)) continue; // given up before
                NvmeRequest request = _requests[number];
                request.Result = result;
                bool retries = (status & 0x7ff) != 0 && (status & DoNotRetry) == 0;
                if (retries && ++request.Failures < MostFailures) Issue(request);
                else End(request, (NvmeStatus)(status & 0x7ff));
            }

            if (count > 0) _controller.Registers.Write(_headDoorbell, (uint)_head);
            Ring(); // for what was submitted to a polled queue, and what is tried again
            return count;
        }
    }

    /// <summary>Whether a command is too late.</summary>
    internal bool IsLate()
    {
        lock (_lock)
        {
            int late = 0;
            foreach (NvmeRequest request in _requests)
                if (request.IsActive && Environment.TickCount64 >= request.Deadline) late = ++request.Failures;
            return late > 0;
        }
    }

    /// <summary>From now on commands wait in their requests, until the controller has restarted.</summary>
    internal void Stop()
    {
        lock (_lock) _isLive = false;
    }

    /// <summary>Empties the rings, before the controller gets them.</summary>
    internal void Clear()
    {
        lock (_lock)
        {
            _completions.Clear();
            (_tail, _rung, _head, _phase) = (0, 0, 0, 1);
        }
    }

    /// <summary>Submits what waits, and what was in flight when the controller was reset.</summary>
    /// <param name="works">Whether the controller works. If not, all that was submitted, and all that will be, ends
    /// without success; the controller does no DMA.</param>
    internal void Start(bool works)
    {
        lock (_lock)
        {
            (_isLive, _isFailed) = (works, !works);
            foreach (NvmeRequest request in _requests.Where(r => r.IsActive))
            {
                if (works && request.Failures < MostFailures) Issue(request);
                else End(request, NvmeStatus.HostPathError);
            }

            Ring();
        }
    }

    /// <summary>Frees the rings, once the calls that had a command in flight have given its memory back.</summary>
    void IDisposable.Dispose()
    {
        for (int i = 0; i < _requests.Length; i++) _room.Wait();
        foreach (NvmeRequest request in _requests) request.Free();
        _submissionRing.Dispose();
        _completionRing.Dispose();
        _room.Dispose();
    }

    private ValueTask<NvmeStatus> Start(NvmeRequest request, NvmeOpcode opcode, long block, int blocks, Iova data)
    {
        lock (_lock)
        {
            Begin(request, opcode, block, blocks, data);
            return request.Task;
        }
    }

    private void Begin(NvmeRequest request, NvmeOpcode opcode, long block, int blocks, Iova data)
    {
        request.Command = new NvmeCommand
        {
            Opcode = (ushort)opcode,
            Namespace = _disk!.Namespace,
            Dword10 = (uint)block,
            Dword11 = (uint)(block >> 32),
            Dword12 = blocks > 0 ? (uint)blocks - 1 : 0,
        };
        if (blocks > 0) request.Describe(data, (ulong)blocks * (ulong)_disk.BlockSize, _controller.PageSize);
        Begin(request);
    }

    private void Begin(NvmeRequest request)
    {
        request.Begin();
        if (_isFailed) End(request, NvmeStatus.HostPathError);
        else Issue(request);
        if (Vector is not null) Ring();
    }

    private void Issue(NvmeRequest request)
    {
        request.Deadline = Environment.TickCount64 + _controller.CommandTimeout;
        if (!_isLive) return;
        request.Renew();
        _submissions.Write((ulong)_tail * NvmeCommand.Size, request.Command);
        if (++_tail == Entries) _tail = 0;
    }

    private void Ring()
    {
        if (_isLive && _rung != _tail) _controller.Registers.Write(_tailDoorbell, (uint)(_rung = _tail));
    }

    private void End(NvmeRequest request, NvmeStatus status)
    {
        request.End(status);
        if (Vector is null) _ended.Enqueue(request);
    }
}
