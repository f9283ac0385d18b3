using System.Runtime.InteropServices;
using Ioasis.Core.Dma;

namespace Ioasis.Devices.Dsa;

/// <summary>
/// An engine: a thread and a port. It takes descriptors from the queues of its group while there are any.
/// </summary>
internal sealed class DsaEngine : IDisposable
{
    private readonly DsaScheduler _scheduler;
    private readonly DeviceEngine<bool> _thread;
    private readonly DmaPort _port;
    private readonly DsaAccess _access;
    private readonly DsaOperations _operations;

    internal DsaEngine(DsaScheduler scheduler, DmaPort port, int index)
    {
        _scheduler = scheduler;
        _port = port;
        _access = new DsaAccess(port, index);
        _operations = new DsaOperations(_access);
        _thread = DeviceEngine.Create<bool>($"dsa engine {index}", (_, _) =>
        {
            while (scheduler.TryTake(index) is { } work)
            {
                Do(work);
                scheduler.Finished(work);
            }
        });
    }

    /// <summary>
    /// Wakes the engine. A busy engine looks for work again when it is done: one more start can be queued.
    /// </summary>
    internal void Wake() => _thread.TryStart(true);

    /// <summary>Waits until the engine is idle. Its descriptor must have been aborted.</summary>
    internal void Stop() => _thread.Abort();

    public void Dispose()
    {
        _thread.Dispose();
        _port.Dispose();
    }

    /// <summary>Executes a descriptor and reports the result. Returns whether it succeeded.</summary>
    private bool Do(DsaWork work)
    {
        DsaCompletionRecord record = DsaDescriptorRules.Check(work, _scheduler.IsHandle);
        if (record.Status == (byte)DsaStatus.None)
            record = work.Descriptor.Opcode == DsaOpcode.Batch ? DoBatch(work) : _operations.Run(work);
        if (!work.IsAborted) Complete(work, in record);
        return record.IsSuccess;
    }

    /// <summary>
    /// Executes the descriptors of a batch in order. After a failure, a descriptor with a fence and all later ones are
    /// skipped.
    /// </summary>
    private DsaCompletionRecord DoBatch(DsaWork batch)
    {
        Span<byte> bytes = stackalloc byte[DsaDescriptor.Size];
        bool allWell = true;
        for (uint index = 0; index < batch.Descriptor.DescCount; index++)
        {
            if (batch.IsAborted) return default;
            ulong address = unchecked(batch.Descriptor.DescListAddr + (index * (ulong)DsaDescriptor.Size));
            DsaProgress read = _access.Read(batch, address, bytes, batch.Descriptor.Has(DsaFlags.BlockOnFault));
            if (!read.IsComplete)
                return DsaCompletionRecord.Of(DsaStatus.BatchPageFault) with
                {
                    BytesCompleted = index,
                    FaultAddr = read.Address
                };
            var element = new DsaWork(batch.Queue, batch.Config, MemoryMarshal.Read<DsaDescriptor>(bytes), batch)
            {
                BatchIndex = (int)index
            };
            if (!allWell && element.Descriptor.Has(DsaFlags.Fence))
                return DsaCompletionRecord.Of(DsaStatus.BatchFail) with { BytesCompleted = index };
            allWell &= Do(element);
        }

        return DsaCompletionRecord.Of(allWell ? DsaStatus.Success : DsaStatus.BatchFail) with
        {
            BytesCompleted = batch.Descriptor.DescCount
        };
    }

    /// <summary>Writes the completion record, its first word last, and raises the requested interrupt.</summary>
    private void Complete(DsaWork work, in DsaCompletionRecord record)
    {
        ref readonly DsaDescriptor descriptor = ref work.Descriptor;
        if (!descriptor.Has(DsaFlags.CompletionAddressValid))
        {
            if (record.Status > (byte)DsaStatus.SuccessPred) _scheduler.Report(work, in record);
        }
        else if (descriptor.CompletionAddr % DsaCompletionRecord.Size != 0)
        {
            _scheduler.Report(
                work, DsaCompletionRecord.Of(DsaStatus.CraAlign) with { FaultAddr = descriptor.CompletionAddr });
            return;
        }
        else if ((descriptor.Has(DsaFlags.RequestCompletion) || !record.IsSuccess) && !TryWrite(work, in record))
        {
            return;
        }

        if (descriptor.Has(DsaFlags.RequestInterrupt) && record.Status != (byte)DsaStatus.IntHandleInval)
            _scheduler.Interrupt(work);
    }

    private bool TryWrite(DsaWork work, in DsaCompletionRecord record)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<DsaCompletionRecord>(in record));
        DsaProgress written = _access.Write(work, unchecked(work.Descriptor.CompletionAddr + sizeof(ulong)),
            bytes[sizeof(ulong)..], work.Config.BlocksOnFault);
        if (written.IsComplete)
            written = _access.Write(work, work.Descriptor.CompletionAddr, bytes[..sizeof(ulong)],
                work.Config.BlocksOnFault);
        if (!written.IsComplete && !work.IsAborted)
            _scheduler.Report(
                work, DsaCompletionRecord.Of(DsaStatus.CraXlat) with { FaultAddr = work.Descriptor.CompletionAddr });
        return written.IsComplete;
    }
}
