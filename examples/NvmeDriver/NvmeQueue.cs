using System.Runtime.CompilerServices;
using Ioasis.Client.Drivers;
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
    private const int CompletionSize = 16, MostFailures = 5;
    private const uint DoNotRetry = 1 << 14;

    private readonly NvmeController _controller;
    private readonly NvmeDisk? _disk; // none of the admin queue
    private readonly DriverBar _registers;
    private readonly bool _isPolled;
    private readonly ulong _tailDoorbell, _headDoorbell;
    private readonly SemaphoreSlim _room; // of a queue that is not polled
    private readonly Lock _lock = new(); // guards what follows
    private readonly DmaBuffer _submissionRing, _completionRing;
    private readonly SharedBytes _submissions, _completions; // the rings' bytes
    private readonly NvmeRequest[] _requests;
    private readonly Stack<NvmeRequest> _free = [];
    private int _tail, _head, _idlePolls;
    private uint _phase;
    private int _lost; // commands of a polled queue that the next poll ends
    private bool _isLive; // false while the controller restarts: commands wait in their requests
    private bool _isFailed; // the controller is given up

    internal NvmeQueue(
        NvmeController controller, int id, int entries, bool isPolled, DmaPool? lists, NvmeDisk? disk = null)
    {
        (_controller, _disk, _registers, _isPolled) = (controller, disk, controller.Registers, isPolled);
        (Id, Entries) = (id, entries);
        _tailDoorbell = NvmeRegister.Doorbells + ((ulong)(2 * id) * controller.DoorbellStride);
        _headDoorbell = _tailDoorbell + controller.DoorbellStride;
        _submissionRing = controller.Allocate((ulong)entries * NvmeCommand.Size);
        _completionRing = controller.Allocate((ulong)entries * CompletionSize);
        (_submissions, _completions) = (_submissionRing.Bytes, _completionRing.Bytes);
        _requests = [.. Enumerable.Range(0, entries - 1).Select(i => new NvmeRequest(i, lists))];
        foreach (NvmeRequest request in _requests) _free.Push(request);
        _room = new SemaphoreSlim(_requests.Length);
    }

    /// <summary>The queue's ID; 0 is the admin queue.</summary>
    public int Id { get; }

    /// <summary>Entries of each ring. One command less can be in flight.</summary>
    public int Entries { get; }

    internal Iova Submissions => _submissionRing.Address;

    internal Iova Completions => _completionRing.Address;

    /// <summary>Submits a command to a polled queue. Allocates nothing.</summary>
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
            if (!_isPolled || !_free.TryPop(out NvmeRequest? request)) return false;
            request.Cookie = cookie;
            Begin(request, opcode, block, blocks, data);
        }

        return true;
    }

    /// <summary>
    /// Collects commands of a polled queue that have ended. Allocates nothing. It notices a controller that has failed
    /// or does not answer, resets it, and submits the commands again.
    /// </summary>
    /// <param name="ended">Room for them.</param>
    /// <returns>How many there were.</returns>
    public int Poll(Span<NvmeResult> ended)
    {
        int count = Reap(ended);
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
        lock (_lock) request = _free.Pop();
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
            lock (_lock) _free.Push(request);
            _room.Release();
        }
    }

    /// <summary>Does a command of the admin queue by polling; the controller's user has locked it.</summary>
    internal NvmeStatus Run(NvmeCommand command, out uint result)
    {
        NvmeRequest request = _requests[0];
        lock (_lock)
        {
            request.Command = command;
            request.Begin();
            Issue(request);
        }

        SpinWait wait = default;
        while (request.IsActive && !_controller.HasFailed && Environment.TickCount64 < request.Deadline)
            if (Reap([]) == 0) wait.SpinOnce(sleep1Threshold: 100);

        result = request.Result;
        lock (_lock)
        {
            if (request.IsActive) request.End(NvmeStatus.HostPathError);
            return request.Status;
        }
    }

    /// <summary>Takes completions from the ring.</summary>
    /// <param name="ended">Gets the ends of a polled queue's commands.</param>
    /// <returns>How many commands have ended.</returns>
    internal int Reap(Span<NvmeResult> ended)
    {
        lock (_lock)
        {
            int count = 0, head = _head;
            for (int i = 0; _lost > 0 && count < ended.Length; i++)
                if (_requests[i].IsLost) ended[count++] = Finish(_requests[i], NvmeStatus.HostPathError);
            while (_isLive && (!_isPolled || count < ended.Length))
            {
                ulong at = (ulong)_head * CompletionSize;
                uint last = _completions.Read<uint>(at + 12); // command ID, phase, status
                if (((last >> 16) & 1) != _phase) break;
                uint result = _completions.Read<uint>(at);
                if (++_head == Entries) (_head, _phase) = (0, _phase ^ 1);
                int id = (int)(last & 0xffff);
                // An ID that is not in flight is the controller's mistake.
                if (id >= _requests.Length || !_requests[id].IsActive) continue;
                NvmeRequest request = _requests[id];
                request.Result = result;
                uint status = last >> 17;
                if ((status & 0x7ff) != 0 && (status & DoNotRetry) == 0 && ++request.Failures < MostFailures)
                {
                    Issue(request);
                    continue;
                }

                if (_isPolled) ended[count] = Finish(request, (NvmeStatus)(status & 0x7ff));
                else request.End((NvmeStatus)(status & 0x7ff));
                count++;
            }

            if (_head != head) _registers.Write(_headDoorbell, (uint)_head);
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

    /// <summary>From now on commands wait in their requests.</summary>
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
            (_tail, _head, _phase) = (0, 0, 1);
        }
    }

    /// <summary>Submits what waits, and what was in flight when the controller was reset.</summary>
    internal void Start()
    {
        lock (_lock)
        {
            _isLive = true;
            foreach (NvmeRequest request in _requests.Where(r => r.IsActive))
            {
                if (request.Failures < MostFailures) Issue(request);
                else Lose(request);
            }
        }
    }

    /// <summary>Ends what is in flight, and what comes later, without success. The controller does no DMA.</summary>
    internal void Fail()
    {
        lock (_lock)
        {
            (_isLive, _isFailed) = (false, true);
            foreach (NvmeRequest request in _requests.Where(r => r.IsActive)) Lose(request);
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
            Opcode = (uint)opcode,
            Namespace = _disk!.Namespace,
            Dword10 = (uint)block,
            Dword11 = (uint)(block >> 32),
            Dword12 = blocks > 0 ? (uint)blocks - 1 : 0,
        };
        if (blocks > 0) request.Describe(data.Value, (ulong)blocks * (ulong)_disk.BlockSize, _controller.PageSize);
        request.Begin();
        Issue(request);
    }

    private void Issue(NvmeRequest request)
    {
        request.Deadline = Environment.TickCount64 + _controller.CommandTimeout;
        if (_isFailed) Lose(request);
        if (!_isLive) return;
        NvmeCommand command = request.Command;
        command.Opcode |= (uint)request.Id << 16;
        _submissions.Write((ulong)_tail * NvmeCommand.Size, command);
        if (++_tail == Entries) _tail = 0;
        _registers.Write(_tailDoorbell, (uint)_tail);
    }

    private void Lose(NvmeRequest request)
    {
        if (!_isPolled) request.End(NvmeStatus.HostPathError);
        else if (!request.IsLost) (request.IsLost, _lost) = (true, _lost + 1);
    }

    private NvmeResult Finish(NvmeRequest request, NvmeStatus status)
    {
        if (request.IsLost) (request.IsLost, _lost) = (false, _lost - 1);
        request.IsActive = false;
        _free.Push(request);
        return new NvmeResult(request.Cookie, status);
    }
}
