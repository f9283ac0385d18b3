using Ioasis.Core.Faults;

namespace Ioasis.Core.Dma;

/// <summary>How a DMA access ended: three words of 32 bits, which are returned in registers.</summary>
/// <param name="Reason"><see cref="FaultReason.None"/>, or why it was refused.</param>
/// <param name="BytesDone">Bytes transferred before that; on success, all.</param>
public readonly record struct DmaResult(FaultReason Reason, int BytesDone)
{
    private const uint RecoverableBit = 1u << FaultSyndrome.PackedBits;
    private readonly uint _detail;

    internal DmaResult(FaultReason reason, int bytesDone, bool isRecoverable, FaultSyndrome syndrome)
        : this(reason, bytesDone) =>
        _detail = syndrome.Packed | (isRecoverable ? RecoverableBit : 0);

    /// <summary>
    /// Whether a page or a permission was missing that whoever owns the page table could still give: a device that can
    /// may ask for it (<see cref="DmaPort.RequestPage"/>) and try again from there. The fault is then not recorded.
    /// </summary>
    public bool IsRecoverable => (_detail & RecoverableBit) != 0;

    /// <summary>The reason in the unit's own terms; all 0 where it has none.</summary>
    internal FaultSyndrome Syndrome => FaultSyndrome.Unpack(_detail);

    /// <summary>Whether all bytes were transferred.</summary>
    public bool IsOk => Reason == FaultReason.None;
}
