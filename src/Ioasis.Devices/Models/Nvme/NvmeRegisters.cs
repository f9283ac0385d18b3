namespace Ioasis.Devices.Nvme;

/// <summary>The registers, with the names and offsets of the specification.</summary>
internal static class NvmeRegisters
{
    internal const int Bar = 0;
    internal const int BarSize = 0x4000;
    internal const uint MsixTable = 0x2000, MsixPending = 0x3000;
    internal const int MostQueues = 16;

    /// <summary>The most entries of a queue.</summary>
    internal const uint MostEntries = 2048;

    internal const int LargestPageShift = 16;
    internal const uint Version = 0x00010400;
    private const uint Doorbells = 0x1000;
    private const ulong Contiguous = 1UL << 16;
    private const ulong Timeout = 0xfUL << 24; // in units of 500 ms
    private const ulong NvmCommandSet = 1UL << 37;
    private const ulong LargestPage = (ulong)(LargestPageShift - 12) << 52;

    internal static readonly Register InterruptMaskSet = new("INTMS", 0x0c, 4, RegisterKind.Doorbell);
    internal static readonly Register InterruptMaskClear = new("INTMC", 0x10, 4, RegisterKind.Doorbell);
    internal static readonly Register Configuration = new("CC", 0x14, 4, RegisterKind.Doorbell);
    internal static readonly Register Status = new("CSTS", 0x1c, 4, RegisterKind.ReadOnly);
    internal static readonly Register AdminQueueAttributes = new("AQA", 0x24, 4, RegisterKind.ReadWrite);
    internal static readonly Register AdminSubmissionQueue = new("ASQ", 0x28, 8, RegisterKind.ReadWrite);
    internal static readonly Register AdminCompletionQueue = new("ACQ", 0x30, 8, RegisterKind.ReadWrite);

    /// <summary>Tail doorbell of each submission queue.</summary>
    internal static readonly Register[] Tails =
        [.. Enumerable.Range(0, MostQueues + 1).Select(q => Doorbell($"SQ{q}TDBL", q * 2))];

    /// <summary>Head doorbell of each completion queue.</summary>
    internal static readonly Register[] Heads =
        [.. Enumerable.Range(0, MostQueues + 1).Select(q => Doorbell($"CQ{q}HDBL", (q * 2) + 1))];

    /// <summary>All of BAR 0, for this many pairs of I/O queues.</summary>
    internal static IReadOnlyList<Register> All(int queues) =>
    [
        Configuration, InterruptMaskSet, InterruptMaskClear,
        .. Heads.Take(queues + 1),
        .. Tails.Take(queues + 1),
        new("CAP", 0x00, 8, RegisterKind.ReadOnly, (MostEntries - 1) | Contiguous | Timeout | NvmCommandSet
            | LargestPage),
        new("VS", 0x08, 4, RegisterKind.ReadOnly, Version),
        Status, AdminQueueAttributes, AdminSubmissionQueue, AdminCompletionQueue,
    ];

    /// <summary>ID of a doorbell's queue.</summary>
    internal static int QueueOf(Register doorbell) => (int)(doorbell.Offset - Doorbells) / 8;

    internal static bool IsHead(Register doorbell) => (doorbell.Offset & 4) != 0;

    private static Register Doorbell(string name, int index) =>
        new(name, Doorbells + ((uint)index * 4), 4, RegisterKind.Doorbell);
}
