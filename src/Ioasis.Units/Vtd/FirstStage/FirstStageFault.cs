namespace Ioasis.Units.Vtd.FirstStage;

/// <summary>
/// Why a request in scalable mode was not translated: the specification's fault reasons (7.1.3, appendix A) as fault
/// records have them. Some do not come from a walk but from the caller of the walk.
/// </summary>
internal enum FirstStageFault : byte
{
    /// <summary>It was translated.</summary>
    None = 0,

    /// <summary>SPT.3: the root's address has bits beyond the host's address width.</summary>
    PasidEntryReserved = 0x5a,

    /// <summary>SPT.5: a request to execute, which is never enabled.</summary>
    ExecuteRequestsDisabled = 0x5c,

    /// <summary>SPT.6: a supervisor's request, which SRE does not enable.</summary>
    SupervisorRequestsDisabled = 0x5d,

    /// <summary>SFS.1: an entry, not of the root, has no memory.</summary>
    EntryAccess = 0x70,

    /// <summary>SFS.2: an entry is not present.</summary>
    NotPresent = 0x71,

    /// <summary>SFS.3: an entry has a reserved bit.</summary>
    Reserved = 0x72,

    /// <summary>SFS.4: an entry of the root has no memory.</summary>
    RootAccess = 0x73,

    /// <summary>SFS.5: an entry's address is wider than stage 2 translates.</summary>
    EntryBeyondSecondStage = 0x74,

    /// <summary>SFS.6: stage 2 does not permit reading an entry of the root.</summary>
    RootNoRead = 0x75,

    /// <summary>SFS.7: stage 2 does not permit reading an entry, not of the root.</summary>
    EntryNoRead = 0x76,

    /// <summary>SFS.8: stage 2 does not permit writing an entry that lacks A, EA or D.</summary>
    EntryNoWrite = 0x77,

    /// <summary>SSS.1: the memory behind stage 2 cannot be accessed.</summary>
    SecondStageAccess = 0x78,

    /// <summary>SSS.2: stage 2 does not map an entry, or the page.</summary>
    SecondStageNotPresent = 0x79,

    /// <summary>SGN.1: the address is not canonical.</summary>
    NotCanonical = 0x80,

    /// <summary>SGN.2: a user's request to a supervisor's page.</summary>
    NoUser = 0x81,

    /// <summary>SGN.5: the page's address is wider than stage 2 translates.</summary>
    PageBeyondSecondStage = 0x84,

    /// <summary>SGN.6: a write that an entry, or stage 2 of the page, does not permit.</summary>
    NoWrite = 0x85,

    /// <summary>
    /// SGN.7: a read that stage 2 of the page does not permit. Stage 1 permits all reads.
    /// </summary>
    NoRead = 0x86,

    /// <summary>SGN.8: the page is in the interrupt window.</summary>
    InterruptAddress = 0x87,

    /// <summary>SFS.10: an entry could not be given A, EA or D.</summary>
    UpdateFailed = 0x91,
}

/// <summary>Properties of fault reasons.</summary>
internal static class FirstStageFaultExtensions
{
    /// <summary>
    /// Whether a device may ask for the page instead (7.4): a present bit or a permission is missing, which software
    /// can add. Software cannot mend a malformed table or an address out of reach.
    /// </summary>
    internal static bool IsRecoverable(this FirstStageFault fault) =>
        fault is FirstStageFault.NotPresent or FirstStageFault.NoUser or FirstStageFault.NoWrite
        or FirstStageFault.NoRead || fault.IsOfSecondStage();

    /// <summary>
    /// Whether the fault is stage 2's alone: the owner of stage 1 cannot mend it in the tables of stage 1.
    /// </summary>
    internal static bool IsOfSecondStage(this FirstStageFault fault) =>
        fault is FirstStageFault.RootNoRead or FirstStageFault.EntryNoRead or FirstStageFault.EntryNoWrite
        or FirstStageFault.SecondStageNotPresent;
}
