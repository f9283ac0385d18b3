namespace Ioasis.Devices.Dsa;

/// <summary>
/// How much a DSA has of everything, and where its registers are: of the whole function, or of a part with one queue,
/// one engine and one group, whose configuration the host has fixed.
/// </summary>
internal sealed class DsaLayout
{
    /// <summary>Entries of a queue that a part has.</summary>
    internal const int PartEntries = 16;

    /// <summary>The bits of a queue's mode that the driver of a shared part sets: PASID and privilege.</summary>
    internal const uint PartModeBits = 0x3fffff00;

    private const uint TableUnit = 0x100;
    private const int AllQueues = 8, AllEntries = 128, EngineWord = 4, ModeDword = 2;
    private const ulong SharedMode = 1UL << 48, DedicatedMode = 1UL << 49, Occupancy = 1UL << 52;
    private const ulong BlockOnFault = 1, Configurable = 1UL << 31;
    private readonly ulong _capabilities, _queueCapabilities;
    private readonly uint _groupTable, _queueTable, _permissionTable;
    private readonly DsaOptions _options;

    private DsaLayout(
        DsaOptions options, (uint Group, uint Queue, uint Permission) tables, ulong capabilities,
        ulong queueCapabilities)
    {
        _options = options;
        (_groupTable, _queueTable, _permissionTable) = tables;
        (_capabilities, _queueCapabilities) = (capabilities, queueCapabilities);
    }

    /// <summary>The layout of a function without mdevs.</summary>
    internal static DsaLayout Whole { get; } = OfFunction(new DsaOptions());

    internal required int Groups { get; init; }

    internal required int Engines { get; init; }

    internal required int Queues { get; init; }

    /// <summary>Entries of all queues together.</summary>
    internal required int QueueEntries { get; init; }

    internal required int ReadBuffers { get; init; }

    internal required MsixLayout Msix { get; init; }

    internal required uint BarSize { get; init; }

    internal required uint PortalSize { get; init; }

    /// <summary>Whether it is a part.</summary>
    internal bool IsPart { get; init; }

    /// <summary>Whether it is a part whose queue takes descriptors of other parts, too.</summary>
    internal bool IsShared { get; init; }

    internal int Vectors => Msix.Vectors;

    /// <summary>Six words per group: four for queues, one for engines, one for flags.</summary>
    internal Register[][] Group { get; private init; } = [];

    /// <summary>16 words of 32 bits per queue. The device owns the word with occupancy and state.</summary>
    internal Register[][] Queue { get; private init; } = [];

    internal Register[] Permission { get; private init; } = [];

    /// <summary>The word of a shared part with the PASID and privilege; null if the driver sets none of it.</summary>
    internal Register? Mode => IsShared ? Queue[0][ModeDword] : null;

    /// <summary>All of BAR 0.</summary>
    internal IReadOnlyList<Register> Registers =>
    [
        Fixed("VERSION", 0x00, 4, 0x100),
        Fixed("GENCAP", 0x10, 8, _capabilities),
        Fixed("WQCAP", 0x20, 8, (uint)QueueEntries | ((ulong)Queues << 16) | (1UL << 24) | _queueCapabilities),
        Fixed("GRPCAP", 0x30, 8, (uint)Groups | ((ulong)ReadBuffers << 8)),
        Fixed("ENGCAP", 0x38, 8, (uint)Engines),
        Fixed("OPCAP0", 0x40, 8, DsaRegisters.Operations),
        Fixed("OPCAP1", 0x48, 8, 0),
        Fixed("OPCAP2", 0x50, 8, 0),
        Fixed("OPCAP3", 0x58, 8, 0),
        Fixed("OFFSETS0", 0x60, 8, (_groupTable / TableUnit) | ((ulong)(_queueTable / TableUnit) << 16)
            | ((ulong)(_permissionTable / TableUnit) << 32)),
        Fixed("OFFSETS1", 0x68, 8, 0),
        DsaRegisters.General, DsaRegisters.InterruptEnables, DsaRegisters.Status, DsaRegisters.Cause,
        DsaRegisters.Command, DsaRegisters.CommandStatus,
        Fixed("CMDCAP", 0xb0, 4, DsaRegisters.Commands(_options)),
        .. DsaRegisters.SoftwareError,
        .. Group.SelectMany(r => r),
        .. Queue.SelectMany(r => r),
        .. Permission,
    ];

    /// <summary>The whole function, whose highest queues are its mdevs'.</summary>
    internal static DsaLayout OfFunction(DsaOptions options)
    {
        (uint Group, uint Queue, uint Permission) tables = (0x400, 0x500, 0x700);
        int queues = AllQueues - options.Mdevs;
        var msix = new MsixLayout(9, DsaRegisters.Bar, TableOffset: 0x2000, PendingOffset: 0x3000);
        return new DsaLayout(options, tables, CapabilitiesOf(options) | BlockOnFault | Configurable,
            SharedMode | DedicatedMode | Occupancy | (1UL << 51) | (1UL << 54) | (1UL << 55))
        {
            Groups = 4,
            Engines = 4,
            Queues = queues,
            QueueEntries = AllEntries - (options.Mdevs * PartEntries),
            ReadBuffers = 96,
            Msix = msix,
            BarSize = 0x10000,
            PortalSize = AllQueues * DsaRegisters.PortalPages * DsaRegisters.PageSize,
            Group = GroupsAt(tables.Group, 4, RegisterKind.ReadWrite, static _ => 0),
            Queue = QueuesAt(tables.Queue, queues, RegisterKind.ReadWrite, static _ => 0),
            Permission = PermissionsAt(tables.Permission, msix.Vectors),
        };
    }

    /// <summary>A part with one queue (Linux's developers, 2020: idxd mdev).</summary>
    /// <param name="options">The limits of the function.</param>
    /// <param name="isShared">Whether the queue is shared.</param>
    /// <param name="blocksOnFault">Whether its descriptors may request pages.</param>
    internal static DsaLayout OfPart(DsaOptions options, bool isShared, bool blocksOnFault)
    {
        (uint Group, uint Queue, uint Permission) tables = (0x400, 0x500, 0x300);
        uint[] queue = new uint[10];
        queue[0] = PartEntries;
        queue[1] = isShared ? DsaSharedQueue.Threshold : 0u;
        queue[ModeDword] = (isShared ? 0u : 1u) | (blocksOnFault ? 2u : 0) | (1u << 4);
        queue[3] = (uint)options.MaxTransferLog2 | ((uint)options.MaxBatchLog2 << 5);
        queue[8] = queue[9] = uint.MaxValue;
        Register[][] queues = QueuesAt(tables.Queue, 1, RegisterKind.ReadOnly, i => i < queue.Length ? queue[i] : 0);
        if (isShared) queues[0][ModeDword] = queues[0][ModeDword] with { Kind = RegisterKind.Doorbell };
        var msix = new MsixLayout(2, DsaRegisters.Bar, TableOffset: 0x600, PendingOffset: 0x700);
        return new DsaLayout(options, tables, CapabilitiesOf(options) | (blocksOnFault ? BlockOnFault : 0),
            (isShared ? SharedMode : DedicatedMode) | Occupancy)
        {
            Groups = 1,
            Engines = 1,
            Queues = 1,
            QueueEntries = PartEntries,
            ReadBuffers = 8,
            Msix = msix,
            BarSize = 0x2000,
            PortalSize = 2 * DsaRegisters.PageSize,
            IsPart = true,
            IsShared = isShared,
            Group = GroupsAt(tables.Group, 1, RegisterKind.ReadOnly, static i => i is 0 or EngineWord ? 1u : 0),
            Queue = queues,
            Permission = PermissionsAt(tables.Permission, msix.Vectors),
        };
    }

    private static Register[][] GroupsAt(uint table, int count, RegisterKind kind, Func<int, ulong> value) =>
        [.. Enumerable.Range(0, count).Select(g => Enumerable.Range(0, 6)
            .Select(i => new Register($"GRPCFG{g}.{i}", table + (uint)((g * 64) + (i * 8)), 8, kind, value(i)))
            .ToArray())];

    private static Register[][] QueuesAt(uint table, int count, RegisterKind kind, Func<int, uint> value) =>
        [.. Enumerable.Range(0, count).Select(q => Enumerable.Range(0, 16)
            .Select(i => new Register($"WQCFG{q}.{i}", table + (uint)((q * 64) + (i * 4)), 4,
                i == DsaQueueConfig.StateDword ? RegisterKind.ReadOnly : kind, value(i)))
            .ToArray())];

    private static Register[] PermissionsAt(uint table, int vectors) =>
        [.. Enumerable.Range(0, vectors)
            .Select(v => new Register($"MSIXPERM{v}", table + ((uint)v * 8), 4, RegisterKind.ReadWrite))];

    private static ulong CapabilitiesOf(DsaOptions options) => (1UL << 1) // overlapping copies
        | (1UL << 2) // cache control, without effect
        | (1UL << 4) // CMDCAP
        | ((ulong)options.MaxTransferLog2 << 16) | ((ulong)options.MaxBatchLog2 << 21);

    private static Register Fixed(string name, uint offset, int width, ulong value) =>
        new(name, offset, width, RegisterKind.ReadOnly, value);
}
