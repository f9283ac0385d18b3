using Ioasis.Core.Faults;

namespace Ioasis.Core.Dma;

/// <summary>How a DMA access ended.</summary>
/// <param name="Reason"><see cref="FaultReason.None"/>, or why it was refused.</param>
/// <param name="BytesDone">Bytes transferred before that; on success, all.</param>
public readonly record struct DmaResult(FaultReason Reason, int BytesDone)
{
    /// <summary>
    /// Whether a page or a permission was missing that whoever owns the page table could still give: a device that can
    /// may ask for it (<see cref="DmaPort.RequestPage"/>) and try again from there. The fault is then not recorded.
    /// </summary>
    public bool IsRecoverable { get; init; }

    /// <summary>The unit's number for the reason; 0 where there is none.</summary>
    internal byte Code { get; init; }

    /// <summary>Whether all bytes were transferred.</summary>
    public bool IsOk => Reason == FaultReason.None;
}
