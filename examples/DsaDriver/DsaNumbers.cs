namespace Ioasis.Examples.Dsa;

/// <summary>Registers of BAR 0, and numbers in them (Linux: drivers/dma/idxd/registers.h).</summary>
internal static class DsaRegister
{
    internal const ulong GeneralCapabilities = 0x10, QueueCapabilities = 0x20, EngineCapabilities = 0x38,
        Operations = 0x40, Tables = 0x60, State = 0x90, Command = 0xa0, CommandStatus = 0xa8,
        CommandCapabilities = 0xb0;

    internal const uint StateMask = 3, Enabled = 1; // of the state
    internal const uint IsActive = 1u << 31; // of the command status
    internal const int CommandShift = 20, ResultShift = 8; // of a command, and of its status

    internal const ulong TableUnit = 0x100; // of an offset in the tables' register
    internal const ulong GroupSize = 64, GroupEngines = 32; // a group's entry: queues, and its engines
    internal const ulong PermissionSize = 8;
    internal const uint PermissionHasPasid = 1 << 3;
    internal const int PermissionPasidShift = 12;

    internal const ulong QueueSize = 0, QueueMode = 8, QueueLimits = 12, QueueOperations = 32; // a queue's entry
    internal const uint IsDedicated = 1, Priority = 1 << 4, HasPasid = 1 << 28; // of a queue's mode
    internal const int PasidShift = 8;

    internal const ulong PortalsOfQueue = 4 * 4096;
}

/// <summary>Commands (Linux: enum idxd_cmd).</summary>
internal enum DsaCommand : uint
{
    EnableDevice = 1,
    ResetDevice = 5,
    EnableQueue = 6,
    DisableQueue = 7,
    RequestHandle = 13,
}

/// <summary>Operations (Linux: enum dsa_opcode).</summary>
public enum DsaOpcode : uint
{
    NoOperation = 0,
    Batch = 1,
    Move = 3,
    Fill = 4,
    Compare = 5,
    Crc = 0x10,
}

/// <summary>Flags of a descriptor (Linux: IDXD_OP_FLAG_*).</summary>
[Flags]
internal enum DsaFlags : uint
{
    Fence = 1,
    RecordIsValid = 4,
    WantsRecord = 8,
    WantsInterrupt = 0x10,
}

/// <summary>How a descriptor has ended (Linux: enum dsa_completion_status).</summary>
public enum DsaStatus : byte
{
    /// <summary>It has not.</summary>
    None = 0,
    Success = 1,

    /// <summary>The address in the record is not accessible. What is before it was done.</summary>
    PageFault = 3,

    /// <summary>Not all of a batch was done, or not with success.</summary>
    BatchFailed = 5,
    BadOpcode = 0x10,
    BadLength = 0x13,
    BadInterrupt = 0x19,

    /// <summary>There is no address space: bus mastering is off, for instance.</summary>
    NoTranslation = 0x22,

    /// <summary>The driver's own: a reset came first. Whether any of it was done is not known.</summary>
    Aborted = 0xff,
}
