using Ioasis.Core.Faults;

namespace Ioasis.Core.Domains;

/// <summary>What a first stage makes of an address: in two words, which are returned in registers.</summary>
internal readonly record struct FirstStageResult
{
    private const int CodeAt = 8, ShiftAt = 16, AccessAt = 24;
    private const ulong RecoverableBit = 1UL << 32;

    private readonly ulong _state;

    /// <summary>A page.</summary>
    internal FirstStageResult(ulong address, int pageShift, MapAccess access)
    {
        Address = address;
        _state = ((ulong)pageShift << ShiftAt) | ((ulong)access << AccessAt);
    }

    private FirstStageResult(FaultReason reason, byte code, bool isRecoverable) =>
        _state = (ulong)reason | ((ulong)code << CodeAt) | (isRecoverable ? RecoverableBit : 0);

    /// <summary>The guest-physical address.</summary>
    internal ulong Address { get; }

    /// <summary><see cref="FaultReason.None"/>, or why there is no translation.</summary>
    internal FaultReason Reason => (FaultReason)(byte)_state;

    /// <summary>The unit's number for that.</summary>
    internal byte Code => (byte)(_state >> CodeAt);

    /// <summary>Whether the device may ask for the page instead.</summary>
    internal bool IsRecoverable => (_state & RecoverableBit) != 0;

    /// <summary>Log2 of the bytes of the page around it that are translated alike.</summary>
    internal int PageShift => (byte)(_state >> ShiftAt);

    /// <summary>What may be done to the page without another walk.</summary>
    internal MapAccess Access => (MapAccess)(byte)(_state >> AccessAt);

    internal bool IsOk => (byte)_state == 0;

    internal static FirstStageResult Fault(FaultReason reason, byte code, bool isRecoverable) =>
        new(reason, code, isRecoverable);
}
