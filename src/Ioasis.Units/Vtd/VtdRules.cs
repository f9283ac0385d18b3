using Ioasis.Units.Vtd.FirstStage;

namespace Ioasis.Units.Vtd;

/// <summary>
/// What the fault reasons of VT-d mean (VT-d specification, 7.1.3 and appendix A), each with the name of its condition.
/// </summary>
internal static class VtdRules
{
    /// <summary>The sentence for a fault reason; null for one that no unit of ours gives.</summary>
    internal static string? Of(ushort code) => code switch
    {
        0x2 => "Legacy mode: the context entry of the device is not present, so its requests have no page table.",
        0x4 => "Legacy mode: the address is beyond the width that the context entry permits (AGAW).",
        0x5 => "Legacy mode, a write: an entry of the second stage is not present, or its W is 0.",
        0x6 => "Legacy mode, a read: an entry of the second stage is not present, or its R is 0.",
        0x7 => "Legacy mode: an entry of the second stage, or the page, cannot be accessed.",
        _ => Of((FirstStageFault)code),
    };

    private static string? Of(FirstStageFault fault) => fault switch
    {
        FirstStageFault.PasidEntryReserved =>
            "SPT.3: a reserved bit of the PASID table entry is set; here, of the address of the first stage's root.",
        FirstStageFault.ExecuteRequestsDisabled =>
            "SPT.5: the request wants to execute, and the PASID table entry does not enable that.",
        FirstStageFault.SupervisorRequestsDisabled =>
            "SPT.6: the request is a supervisor's, and SRE of the PASID table entry is 0.",
        FirstStageFault.EntryAccess => "SFS.1: the memory of an entry below the root cannot be accessed.",
        FirstStageFault.NotPresent => "SFS.2: P of an entry of the first stage is 0.",
        FirstStageFault.Reserved => "SFS.3: a reserved bit of an entry of the first stage is set.",
        FirstStageFault.RootAccess => "SFS.4: the memory of the root's entry cannot be accessed.",
        FirstStageFault.EntryBeyondSecondStage =>
            "SFS.5: the address of an entry is beyond what the second stage translates.",
        FirstStageFault.RootNoRead => "SFS.6: the second stage does not permit to read the root's entry.",
        FirstStageFault.EntryNoRead => "SFS.7: the second stage does not permit to read an entry below the root.",
        FirstStageFault.EntryNoWrite =>
            "SFS.8: A, EA or D of an entry must be set, and the second stage does not permit to write it.",
        FirstStageFault.UpdateFailed => "SFS.10: A, EA or D of an entry could not be set.",
        FirstStageFault.SecondStageAccess => "SSS.1: the memory behind the second stage cannot be accessed.",
        FirstStageFault.SecondStageNotPresent =>
            "SSS.2: the second stage maps nothing where an entry, or the page, is.",
        FirstStageFault.NotCanonical => "SGN.1: the address is not canonical: its upper bits do not equal the highest.",
        FirstStageFault.NoUser => "SGN.2: the request is a user's, and U/S of an entry is 0.",
        FirstStageFault.PageBeyondSecondStage =>
            "SGN.5: the address of the page is beyond what the second stage translates.",
        FirstStageFault.NoWrite => "SGN.6: the request writes, and R/W of an entry is 0, or the second stage of the "
            + "page does not permit it.",
        FirstStageFault.NoRead => "SGN.7: the request reads, and the second stage of the page does not permit it.",
        FirstStageFault.InterruptAddress => "SGN.8: the page is in the window of interrupts, 0xfee00000-0xfeefffff.",
        _ => null,
    };
}
