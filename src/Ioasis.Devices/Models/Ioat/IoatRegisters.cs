namespace Ioasis.Devices.Ioat;

/// <summary>
/// The registers, with the names and offsets of Linux's driver: the function's, and from 0x80 on those of its one
/// channel.
/// </summary>
internal static class IoatRegisters
{
    internal const int Bar = 0;
    internal const int BarSize = 0x4000;
    internal const uint MsixTable = 0x2000, MsixPending = 0x3000;
    private const uint Channel = 0x80;
    private const uint FillBlock = 0x40;
    private const ulong Compatibility = 2;
    private const ulong Version = 0x32;

    internal static readonly Register InterruptControl = new("INTRCTRL", 0x03, 1, RegisterKind.Doorbell);
    internal static readonly Register ChannelControl = new("CHANCTRL", Channel + 0x00, 2, RegisterKind.Doorbell);
    internal static readonly Register Command = new("CHANCMD", Channel + 0x04, 1, RegisterKind.Doorbell);
    internal static readonly Register DmaCount = new("DMACOUNT", Channel + 0x06, 2, RegisterKind.Doorbell);
    internal static readonly Register Status =
        new("CHANSTS", Channel + 0x08, 8, RegisterKind.ReadOnly, (ulong)IoatStatus.Armed);
    internal static readonly Register ChainAddress = new("CHAINADDR", Channel + 0x10, 8, RegisterKind.ReadWrite);
    internal static readonly Register CompletionAddress = new("CHANCMP", Channel + 0x18, 8, RegisterKind.ReadWrite);
    internal static readonly Register Current = new("CDAR", Channel + 0x20, 8, RegisterKind.ReadOnly);
    internal static readonly Register Errors = new("CHANERR", Channel + 0x28, 4, RegisterKind.Doorbell);

    /// <summary>
    /// All registers, in polling order. The count comes before the control register, which a driver writes first:
    /// whoever sees a new count also sees the new control. Errors are cleared before a command is handled.
    /// </summary>
    internal static IReadOnlyList<Register> All(IoatOptions options) =>
    [
        InterruptControl, Errors, DmaCount, ChannelControl, Command,
        Fixed("CHANCNT", 0x00, 1, 1),
        Fixed("XFERCAP", 0x01, 1, (uint)options.MaxTransferLog2),
        Kept("GENCTRL", 0x02, 1),
        Fixed("ATTNSTATUS", 0x04, 4, 0),
        Fixed("CBVER", 0x08, 1, Version),
        Fixed("PERPORTOFFSET", 0x0a, 2, 0),
        Kept("INTRDELAY", 0x0c, 2),
        Fixed("CS_STATUS", 0x0e, 2, 0),
        Fixed("DMACAPABILITY", 0x10, 4, FillBlock),
        Fixed("DCAOFFSET", 0x14, 2, 0),
        Fixed("DMA_COMP", Channel + 0x02, 2, Compatibility),
        Status, ChainAddress, CompletionAddress, Current,
        Kept("CHANERRMSK", Channel + 0x2c, 4),
        Kept("DCACTRL", Channel + 0x30, 4),
    ];

    private static Register Fixed(string name, uint offset, int width, ulong value) =>
        new(name, offset, width, RegisterKind.ReadOnly, value);

    private static Register Kept(string name, uint offset, int width) =>
        new(name, offset, width, RegisterKind.ReadWrite);
}
