namespace Ioasis.Core.Faults;

/// <summary>Why a DMA access was refused. A unit has its own numbers for these; the names are common to all.</summary>
public enum FaultReason
{
    /// <summary>It was not refused.</summary>
    None = 0,

    /// <summary>The requester, or its PASID, has no page table: its DMA is blocked.</summary>
    NotAttached = 1,

    /// <summary>No mapping has that address.</summary>
    NotMapped = 2,

    /// <summary>The mapping does not permit that access.</summary>
    NoPermission = 3,

    /// <summary>The mapping is there, its memory no longer is: the process ended, or its file was cut short.</summary>
    MemoryGone = 4,

    /// <summary>The function may not master the bus (PCI command register, bit 2): the request never left it.</summary>
    BusMasterDisabled = 5,

    /// <summary>The address is beyond the unit's address width.</summary>
    BeyondAddressWidth = 6,

    /// <summary>The first stage's own tables are malformed, or out of the unit's reach.</summary>
    BadTable = 7,

    /// <summary>The device's owner lets it send no requests: the request never left it.</summary>
    SendBlocked = 8,
}
