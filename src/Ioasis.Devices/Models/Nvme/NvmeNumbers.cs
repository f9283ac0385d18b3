namespace Ioasis.Devices.Nvme;

/// <summary>Admin commands (Linux: enum nvme_admin_opcode).</summary>
internal enum NvmeAdminOpcode : byte
{
    DeleteSq = 0x00,
    CreateSq = 0x01,
    GetLogPage = 0x02,
    DeleteCq = 0x04,
    CreateCq = 0x05,
    Identify = 0x06,
    Abort = 0x08,
    SetFeatures = 0x09,
    GetFeatures = 0x0a,
    AsyncEvent = 0x0c,
}

/// <summary>Commands of the NVM command set (Linux: enum nvme_opcode).</summary>
internal enum NvmeOpcode : byte
{
    Flush = 0x00,
    Write = 0x01,
    Read = 0x02,
    WriteZeroes = 0x08,
    Dsm = 0x09,
}

/// <summary>Status code type, status code and the bit "do not retry" (Linux: NVME_SC_*).</summary>
internal enum NvmeStatus : ushort
{
    Success = 0x0,
    InvalidOpcode = 0x1 | DoNotRetry,
    InvalidField = 0x2 | DoNotRetry,
    DataXferError = 0x4,
    InvalidNs = 0xb | DoNotRetry,
    CmdSeqError = 0xc | DoNotRetry,
    PrpInvalidOffset = 0x13 | DoNotRetry,
    LbaRange = 0x80 | DoNotRetry,
    CqInvalid = 0x100 | DoNotRetry,
    QidInvalid = 0x101 | DoNotRetry,
    QueueSize = 0x102 | DoNotRetry,
    AsyncLimit = 0x105 | DoNotRetry,
    InvalidVector = 0x108 | DoNotRetry,
    InvalidLogPage = 0x109 | DoNotRetry,
    InvalidQueue = 0x10c | DoNotRetry,
    FeatureNotSaveable = 0x10d | DoNotRetry,
    WriteFault = 0x280,
    ReadError = 0x281,
    DoNotRetry = 0x4000,
}

/// <summary>Features (Linux: NVME_FEAT_*).</summary>
internal enum NvmeFeature : byte
{
    Arbitration = 0x01,
    PowerMgmt = 0x02,
    TempThresh = 0x04,
    ErrRecovery = 0x05,
    VolatileWc = 0x06,
    NumQueues = 0x07,
    IrqCoalesce = 0x08,
    IrqConfig = 0x09,
    WriteAtomic = 0x0a,
    AsyncEvent = 0x0b,
}

/// <summary>Log pages (Linux: NVME_LOG_*).</summary>
internal enum NvmeLog : byte
{
    None = 0,
    Error = 0x01,
    Smart = 0x02,
    FwSlot = 0x03,
    ChangedNs = 0x04,
    CmdEffects = 0x05,
}

/// <summary>CC.</summary>
internal readonly record struct NvmeConfiguration(uint Value)
{
    internal bool IsEnabled => (Value & 1) != 0;

    internal uint CommandSet => (Value >> 4) & 7;

    internal int PageShift => 12 + (int)((Value >> 7) & 0xf);

    internal uint Arbitration => (Value >> 11) & 7;

    internal uint Shutdown => (Value >> 14) & 3;

    /// <summary>Log2 of the bytes of an I/O submission queue's entry.</summary>
    internal uint SqEntrySize => (Value >> 16) & 0xf;

    /// <summary>Log2 of the bytes of an I/O completion queue's entry.</summary>
    internal uint CqEntrySize => (Value >> 20) & 0xf;
}

/// <summary>CSTS.</summary>
[Flags]
internal enum NvmeControllerStatus : uint
{
    None = 0,
    Ready = 1,
    Fatal = 2,
    ShutdownOccurring = 4,
    ShutdownComplete = 8,
}
