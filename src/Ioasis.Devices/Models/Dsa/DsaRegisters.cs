namespace Ioasis.Devices.Dsa;

/// <summary>Offsets of the registers of BAR 0, and the values of the constant ones.</summary>
internal static class DsaRegisters
{
    internal const int Bar = 0;
    internal const int PortalBar = 2;
    internal const uint BarSize = 0x10000;
    internal const int Groups = 4;
    internal const int Engines = 4;
    internal const int Queues = 8;
    internal const int QueueEntries = 128;
    internal const int ReadBuffers = 96;
    internal const int Vectors = 9;
    internal const int PageRequests = 512;
    internal const int Translations = 256; // that one engine caches
    internal const int PortalPages = 4; // per queue: unlimited and limited, and the same two for IMS
    internal const uint PageSize = 4096;
    internal const ulong Operations = (1UL << (int)DsaOpcode.Noop) | (1UL << (int)DsaOpcode.Batch)
        | (1UL << (int)DsaOpcode.Drain) | (1UL << (int)DsaOpcode.Memmove) | (1UL << (int)DsaOpcode.Memfill)
        | (1UL << (int)DsaOpcode.Compare) | (1UL << (int)DsaOpcode.Compval) | (1UL << (int)DsaOpcode.Dualcast)
        | (1UL << (int)DsaOpcode.Crcgen);

    private const uint GroupTable = 0x400, QueueTable = 0x500, PermissionTable = 0x700, TableUnit = 0x100;
    private const int QueueDwords = 16;

    internal static readonly Register InterruptEnables = new("GENCTRL", 0x88, 4, RegisterKind.ReadWrite);
    internal static readonly Register Status = new("GENSTS", 0x90, 4, RegisterKind.ReadOnly);
    internal static readonly Register Cause = new("INTCAUSE", 0x98, 4, RegisterKind.Doorbell);
    internal static readonly Register Command = new("CMD", 0xa0, 4, RegisterKind.Doorbell);
    internal static readonly Register CommandStatus = new("CMDSTS", 0xa8, 4, RegisterKind.ReadOnly);
    internal static readonly Register General = new("GENCFG", 0x80, 4, RegisterKind.ReadWrite);

    /// <summary>A write to the first word acknowledges; the others are read-only.</summary>
    internal static readonly Register[] SoftwareError =
        [.. Enumerable.Range(0, 4).Select(i => new Register($"SWERR{i}", 0xc0 + ((uint)i * 8), 8,
            i == 0 ? RegisterKind.Doorbell : RegisterKind.ReadOnly))];

    /// <summary>Six words per group: four for queues, one for engines, one for flags.</summary>
    internal static readonly Register[][] Group =
        [.. Enumerable.Range(0, Groups).Select(g => Enumerable.Range(0, 6)
            .Select(i => new Register($"GRPCFG{g}.{i}", GroupTable + (uint)((g * 64) + (i * 8)), 8,
                RegisterKind.ReadWrite)).ToArray())];

    /// <summary>16 words of 32 bits per queue. The device owns the word with occupancy and state.</summary>
    internal static readonly Register[][] Queue =
        [.. Enumerable.Range(0, Queues).Select(q => Enumerable.Range(0, QueueDwords)
            .Select(i => new Register($"WQCFG{q}.{i}", QueueTable + (uint)((q * 64) + (i * 4)), 4,
                i == DsaQueueConfig.StateDword ? RegisterKind.ReadOnly : RegisterKind.ReadWrite))
            .ToArray())];

    internal static readonly Register[] Permission =
        [.. Enumerable.Range(0, Vectors)
            .Select(v => new Register($"MSIXPERM{v}", PermissionTable + ((uint)v * 8), 4, RegisterKind.ReadWrite))];

    /// <summary>All of BAR 0.</summary>
    internal static IReadOnlyList<Register> All(DsaOptions options) =>
    [
        Fixed("VERSION", 0x00, 4, 0x100),
        Fixed("GENCAP", 0x10, 8, Capabilities(options)),
        Fixed("WQCAP", 0x20, 8, QueueEntries | (Queues << 16) | (1UL << 24)
            | (1UL << 48) | (1UL << 49) | (1UL << 51) | (1UL << 52) | (1UL << 54) | (1UL << 55)),
        Fixed("GRPCAP", 0x30, 8, Groups | (ReadBuffers << 8)),
        Fixed("ENGCAP", 0x38, 8, Engines),
        Fixed("OPCAP0", 0x40, 8, Operations),
        Fixed("OPCAP1", 0x48, 8, 0),
        Fixed("OPCAP2", 0x50, 8, 0),
        Fixed("OPCAP3", 0x58, 8, 0),
        Fixed("OFFSETS0", 0x60, 8, (GroupTable / TableUnit) | ((ulong)(QueueTable / TableUnit) << 16)
            | ((ulong)(PermissionTable / TableUnit) << 32)),
        Fixed("OFFSETS1", 0x68, 8, 0),
        General, InterruptEnables, Status, Cause, Command, CommandStatus,
        Fixed("CMDCAP", 0xb0, 4, Commands(options)),
        .. SoftwareError,
        .. Group.SelectMany(r => r),
        .. Queue.SelectMany(r => r),
        .. Permission,
    ];

    /// <summary>The supported commands, one bit each.</summary>
    internal static uint Commands(DsaOptions options) =>
        (1u << ((int)DsaCommand.AbortPasid + 1)) - 2 | (options.InterruptHandles
            ? (1u << (int)DsaCommand.RequestIntHandle) | (1u << (int)DsaCommand.ReleaseIntHandle)
            : 0);

    private static ulong Capabilities(DsaOptions options) => 1UL // block on fault
        | (1UL << 1) // overlapping copies
        | (1UL << 2) // cache control, without effect
        | (1UL << 4) // CMDCAP
        | ((ulong)options.MaxTransferLog2 << 16) | ((ulong)options.MaxBatchLog2 << 21)
        | (1UL << 31); // configurable

    private static Register Fixed(string name, uint offset, int width, ulong value) =>
        new(name, offset, width, RegisterKind.ReadOnly, value);
}
