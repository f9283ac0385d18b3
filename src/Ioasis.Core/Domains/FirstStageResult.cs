using Ioasis.Core.Faults;
using Ioasis.Memory;

namespace Ioasis.Core.Domains;

/// <summary>
/// What a first stage makes of an address: a page, or a fault. Two words, which are returned in registers.
/// </summary>
public readonly record struct FirstStageResult
{
    private const int ShiftAt = 16, AccessAt = 24, SyndromeAt = 32;
    private const ulong RecoverableBit = 1UL << 8;

    // The reason in the low byte. Of a page, log2 of its bytes and what may be done; of a fault, what else is known.
    private readonly ulong _state;

    /// <summary>A page.</summary>
    /// <param name="address">The guest-physical address that the request leads to.</param>
    /// <param name="pageShift">Log2 of the bytes around it that are translated alike.</param>
    /// <param name="access">What may be done to the page without another walk.</param>
    public FirstStageResult(ulong address, int pageShift, MapAccess access)
    {
        Address = address;
        _state = ((ulong)pageShift << ShiftAt) | ((ulong)access << AccessAt);
    }

    private FirstStageResult(FaultReason reason, FaultSyndrome syndrome, bool isRecoverable, Gpa at)
    {
        Address = at.Value;
        _state = (ulong)reason | ((ulong)syndrome.Packed << SyndromeAt) | (isRecoverable ? RecoverableBit : 0);
    }

    /// <summary>The guest-physical address; of a fault, the one that was refused.</summary>
    public ulong Address { get; }

    /// <summary><see cref="FaultReason.None"/>, or why there is no translation.</summary>
    public FaultReason Reason => (FaultReason)(byte)_state;

    /// <summary>The reason in the unit's own terms.</summary>
    public FaultSyndrome Syndrome => FaultSyndrome.Unpack((uint)(_state >> SyndromeAt));

    /// <summary>Whether the device may ask for the page instead.</summary>
    public bool IsRecoverable => (_state & RecoverableBit) != 0;

    /// <summary>Log2 of the bytes of the page around it that are translated alike.</summary>
    public int PageShift => (byte)(_state >> ShiftAt);

    /// <summary>What may be done to the page without another walk.</summary>
    public MapAccess Access => (MapAccess)(byte)(_state >> AccessAt);

    /// <summary>Whether it is a page.</summary>
    public bool IsOk => (byte)_state == 0;

    /// <summary>A fault.</summary>
    /// <param name="reason">Why there is no translation.</param>
    /// <param name="syndrome">The same in the unit's own terms.</param>
    /// <param name="isRecoverable">Whether the device may ask for the page instead.</param>
    /// <param name="at">The guest-physical address that was refused, of a page or a table entry; 0 for none.</param>
    public static FirstStageResult Fault(
        FaultReason reason, FaultSyndrome syndrome, bool isRecoverable, Gpa at = default) =>
        new(reason, syndrome, isRecoverable, at);
}
