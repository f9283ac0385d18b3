using Ioasis.Core.Dma;
using Ioasis.Core.Faults;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Devices.Dsa;

/// <summary>How far an access to memory got.</summary>
/// <param name="Done">Bytes done.</param>
/// <param name="Status">None if the access is complete; otherwise why it ended.</param>
/// <param name="Address">Address at which it ended.</param>
/// <param name="IsWrite">Whether it was a write.</param>
internal readonly record struct DsaProgress(int Done, DsaStatus Status, ulong Address, bool IsWrite)
{
    internal bool IsComplete => Status == DsaStatus.None;
}

/// <summary>
/// An engine's access to memory: through its port, with the PASID of the descriptor. It requests missing pages where
/// the descriptor may block.
/// </summary>
/// <param name="port">The engine's port.</param>
/// <param name="engine">The engine's number, which its page requests carry as their group.</param>
internal sealed class DsaAccess(DmaPort port, int engine)
{
    internal DsaProgress Read(DsaWork work, ulong address, Span<byte> destination, bool mayBlock)
    {
        Prepare(work, mayBlock);
        for (int done = 0; ;)
        {
            Span<byte> rest = destination[done..];
            Iova iova = new(unchecked(address + (uint)done));
            DmaResult result = work.Pasid is { } pasid ? port.Read(pasid, iova, rest) : port.Read(iova, rest);
            done += result.BytesDone;
            if (result.IsOk) return new DsaProgress(done, DsaStatus.None, 0, false);
            DsaStatus status = Resolve(work, unchecked(address + (uint)done), false, in result);
            if (status != DsaStatus.None) return new DsaProgress(done, status, unchecked(address + (uint)done), false);
        }
    }

    internal DsaProgress Write(DsaWork work, ulong address, ReadOnlySpan<byte> source, bool mayBlock)
    {
        Prepare(work, mayBlock);
        for (int done = 0; ;)
        {
            ReadOnlySpan<byte> rest = source[done..];
            Iova iova = new(unchecked(address + (uint)done));
            DmaResult result = work.Pasid is { } pasid ? port.Write(pasid, iova, rest) : port.Write(iova, rest);
            done += result.BytesDone;
            if (result.IsOk) return new DsaProgress(done, DsaStatus.None, 0, true);
            DsaStatus status = Resolve(work, unchecked(address + (uint)done), true, in result);
            if (status != DsaStatus.None) return new DsaProgress(done, status, unchecked(address + (uint)done), true);
        }
    }

    private void Prepare(DsaWork work, bool mayBlock)
    {
        port.UsesDeviceTlb = work.Config.UsesAts;
        port.RequestsPages = mayBlock && work.Config.AsksForPages;
    }

    /// <summary>Requests the page if that can help. Returns None if the access should be retried.</summary>
    private DsaStatus Resolve(DsaWork work, ulong address, bool isWrite, in DmaResult result)
    {
        if (!result.IsRecoverable)
        {
            return result.Reason is FaultReason.NotMapped or FaultReason.NoPermission or FaultReason.MemoryGone
                or FaultReason.BeyondAddressWidth
                ? DsaStatus.PageFaultNobof
                : DsaStatus.TranslationFail;
        }

        int response = -1; // none yet
        PageRequestAccess access = (isWrite ? PageRequestAccess.Write : PageRequestAccess.Read)
            | (work.Privileged ? PageRequestAccess.Privileged : PageRequestAccess.None);
        bool asked = port.RequestPage(
            new PageRequest(work.Pasid, (uint)engine, access, new Iova(address & ~0xfffUL), IsLast: true), given =>
        {
            Volatile.Write(ref response, (int)given);
            work.Wake();
        });
        if (asked && work.WaitUntil(() => Volatile.Read(ref response) >= 0) && response == (int)PageResponse.Success)
            return DsaStatus.None;
        port.GiveUp(work.Pasid, new Iova(address), isWrite, result);
        return DsaStatus.PageFaultIr;
    }
}
