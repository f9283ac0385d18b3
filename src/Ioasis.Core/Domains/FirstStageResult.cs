using Ioasis.Core.Faults;

namespace Ioasis.Core.Domains;

/// <summary>What a first stage makes of an address.</summary>
/// <param name="Reason"><see cref="FaultReason.None"/>, or why there is no translation.</param>
/// <param name="Code">The unit's number for that.</param>
/// <param name="IsRecoverable">Whether the device may ask for the page instead.</param>
/// <param name="Address">The guest-physical address.</param>
/// <param name="PageShift">Log2 of the bytes of the page around it that are translated alike.</param>
/// <param name="Access">What may be done to the page without another walk.</param>
internal readonly record struct FirstStageResult(
    FaultReason Reason, byte Code, bool IsRecoverable, ulong Address, byte PageShift, MapAccess Access)
{
    internal bool IsOk => Reason == FaultReason.None;

    internal static FirstStageResult Fault(FaultReason reason, byte code, bool isRecoverable) => new(reason, code, isRecoverable, 0, 0, MapAccess.None);
}
