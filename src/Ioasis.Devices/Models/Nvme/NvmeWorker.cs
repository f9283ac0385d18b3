using Ioasis.Core.Dma;

namespace Ioasis.Devices.Nvme;

/// <summary>
/// Executes the commands of one submission queue in order, on its own thread and through its own port.
/// </summary>
internal sealed class NvmeWorker
{
    private readonly NvmeController _controller;
    private readonly int _queue;
    private readonly DmaPort _port;
    private readonly DeviceEngine<bool> _thread;

    internal NvmeWorker(NvmeController controller, IPciSlot slot, int queue)
    {
        _controller = controller;
        _queue = queue;
        _port = slot.OpenDmaPort();
        Data = new NvmeData(_port);
        _thread = DeviceEngine.Create<bool>($"nvme queue {queue}", (_, abort) => Work(abort));
    }

    internal NvmeData Data { get; }

    /// <summary>Address of the device.</summary>
    internal string Place => _port.Device.ToString();

    /// <summary>
    /// Wakes the worker. A busy worker looks for work again when it is done: one more start can be queued.
    /// </summary>
    internal void Wake() => _thread.TryStart(true);

    /// <summary>Waits until the worker is idle. A running command ends without a completion.</summary>
    internal void Stop() => _thread.Abort();

    internal void Unplug()
    {
        _thread.Dispose();
        _port.Dispose();
    }

    /// <summary>
    /// Writes a completion to its reserved place and raises the interrupt. If the write fails, so has the controller.
    /// </summary>
    internal void Complete(NvmeSubmissionQueue queue, ushort commandId, NvmeOutcome outcome)
    {
        var completion = new NvmeCompletion(outcome.Result, 0, (ushort)queue.Head, (ushort)queue.Id, commandId,
            (ushort)((uint)outcome.Status << 1));
        if (queue.Completions.TryPost(_port, in completion)) _controller.Interrupts.Raise(queue.Completions);
        else _controller.Fail();
    }

    private void Work(CancellationToken abort)
    {
        if (_queue == 0) _controller.FinishShutdown();
        bool isForeseen = false;
        while (!abort.IsCancellationRequested && _controller.QueueOf(_queue) is { } queue)
        {
            if (_queue == 0) _controller.Events.Deliver(this, queue);
            if (queue.Head == queue.Tail || !queue.Completions.TryReserve()) return;
            if (!queue.TryTake(_port, out NvmeCommand command))
            {
                queue.Completions.Release();
                _controller.Fail();
                return;
            }

            if (!isForeseen) _controller.Foresee(_queue, in command);
            isForeseen = queue.TryForesee(out NvmeCommand next);
            if (isForeseen) _controller.Foresee(_queue, in next);
            NvmeOutcome outcome = _controller.Execute(_queue, in command, Data, abort);
            if (outcome.IsPending || abort.IsCancellationRequested) queue.Completions.Release();
            else Complete(queue, command.CommandId, outcome);
        }
    }
}
