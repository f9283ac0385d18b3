namespace Ioasis.Devices.Dsa;

/// <summary>
/// Operations of descriptors (Linux: enum dsa_opcode). Operations that are missing here are not supported.
/// </summary>
internal enum DsaOpcode : byte
{
    Noop = 0x00,
    Batch = 0x01,
    Drain = 0x02,
    Memmove = 0x03,
    Memfill = 0x04,
    Compare = 0x05,
    Compval = 0x06,
    Dualcast = 0x09,
    Crcgen = 0x10,
}

/// <summary>Flags of a descriptor (Linux: IDXD_OP_FLAG_*). From bit 16 on they depend on the operation.</summary>
[Flags]
internal enum DsaFlags : uint
{
    None = 0,
    Fence = 0x0001,
    BlockOnFault = 0x0002,
    CompletionAddressValid = 0x0004,
    RequestCompletion = 0x0008,
    RequestInterrupt = 0x0010,
    CheckResult = 0x0080,
    CacheControl = 0x0100,
    StrictOrdering = 0x2000,
    ReadCrcSeed = 0x10000,
}

/// <summary>
/// The status in a completion record (Linux: enum dsa_completion_status). Values from 0x50 on appear only in the
/// software error register.
/// </summary>
internal enum DsaStatus : byte
{
    None = 0x00,
    Success = 0x01,
    SuccessPred = 0x02,
    PageFaultNobof = 0x03,
    PageFaultIr = 0x04,
    BatchFail = 0x05,
    BatchPageFault = 0x06,
    BadOpcode = 0x10,
    InvalidFlags = 0x11,
    NozeroReserve = 0x12,
    XferErange = 0x13,
    DescCntErange = 0x14,
    OverlapBuffers = 0x16,
    DcastErr = 0x17,
    DesclistAlign = 0x18,
    IntHandleInval = 0x19,
    CraXlat = 0x1a,
    CraAlign = 0x1b,
    PrivBad = 0x1d,
    TranslationFail = 0x22,
    CommandWhileActive = 0x52,
    QueueNotEnabled = 0x55,
    QueueFull = 0x56,
}

/// <summary>Commands of the command register (Linux: enum idxd_cmd).</summary>
internal enum DsaCommand
{
    EnableDevice = 1,
    DisableDevice,
    DrainAll,
    AbortAll,
    ResetDevice,
    EnableWq,
    DisableWq,
    DrainWq,
    AbortWq,
    ResetWq,
    DrainPasid,
    AbortPasid,
    RequestIntHandle,
    ReleaseIntHandle,
}

/// <summary>Results of commands (Linux: enum idxd_cmdsts_err).</summary>
internal enum DsaCommandError : byte
{
    Success = 0,
    InvalCmd = 0x01,
    InvalWqidx = 0x02,
    DevEnabled = 0x10,
    Config = 0x11,
    BusMasterEn = 0x12,
    WqSizeErange = 0x14,
    GrpConfig = 0x15,
    GrpConfig2 = 0x16,
    GrpConfig3 = 0x17,
    GrpConfig4 = 0x18,
    DevNoten = 0x20,
    WqEnabled = 0x21,
    WqSize = 0x22,
    WqPrior = 0x23,
    WqMode = 0x24,
    BofEn = 0x25,
    PasidEn = 0x26,
    MaxBatchSize = 0x27,
    MaxXferSize = 0x28,
    DisDevEn = 0x31,
    WqNotEn = 0x32,
    InvalIntIdx = 0x41,
    NoHandle = 0x42,
}

/// <summary>The device's state in the general status register.</summary>
internal enum DsaState
{
    Disabled = 0,
    Enabled = 1,
    Draining = 2,
}

/// <summary>Bits of the interrupt cause register.</summary>
[Flags]
internal enum DsaCause : uint
{
    None = 0,
    SoftwareError = 1,
    CommandDone = 2,
}
