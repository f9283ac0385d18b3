namespace Ioasis.Devices;

/// <summary>The registers of one channel of a <see cref="DmaTestDevice"/>.</summary>
/// <param name="channel">The channel's number.</param>
/// <param name="features">Value of the feature register after a reset.</param>
internal sealed class DmaTestRegisters(int channel, uint features = 0)
{
    internal const int Bar = 0;
    internal const int BlockSize = 0x100;
    private readonly uint _at = (uint)(channel * BlockSize);

    internal Register Iova => field ??= Make("iova", 0x00, 8, RegisterKind.ReadWrite);
    internal Register Command => field ??= Make("command", 0x08, 4, RegisterKind.Doorbell);
    internal Register Length => field ??= Make("length", 0x10, 4, RegisterKind.ReadWrite, DmaTestDevice.BufferSize);
    internal Register Status => field ??= Make("status", 0x14, 4, RegisterKind.ReadOnly);
    internal Register Reason => field ??= Make("fault reason", 0x18, 4, RegisterKind.ReadOnly);
    internal Register Vector =>
        field ??= Make("interrupt vector", 0x1c, 4, RegisterKind.ReadWrite, DmaTestDevice.NoVector);
    internal Register Completed => field ??= Make("completed commands", 0x20, 8, RegisterKind.ReadOnly);
    internal Register Pause => field ??= Make("pause", 0x28, 4, RegisterKind.ReadWrite);
    internal Register Pasid => field ??= Make("PASID", 0x2c, 4, RegisterKind.ReadWrite);
    internal Register Features => field ??= Make("features", 0x30, 4, RegisterKind.ReadWrite, features);
    internal Register Flush => field ??= Make("flush", 0x34, 4, RegisterKind.Doorbell);
    internal Register BufferOffset => field ??= Make("buffer offset", 0x38, 4, RegisterKind.ReadWrite);
    internal Register Group => field ??= Make("page request group", 0x3c, 4, RegisterKind.ReadWrite);
    internal Register Answer => field ??= Make("page answer", 0x40, 4, RegisterKind.ReadOnly);
    internal Register Piece => field ??= Make("bytes of an access", 0x44, 4, RegisterKind.ReadWrite);
    internal Register Requests => field ??= Make("page requests", 0x48, 8, RegisterKind.ReadOnly);
    internal Register Hits => field ??= Make("translations found", 0x50, 8, RegisterKind.ReadOnly);
    internal Register Misses => field ??= Make("translations asked for", 0x58, 8, RegisterKind.ReadOnly);
    internal Register Invalidations => field ??= Make("translations invalidated", 0x60, 8, RegisterKind.ReadOnly);
    internal Register Accesses => field ??= Make("accesses", 0x68, 8, RegisterKind.ReadOnly);
    internal Register Repeat => field ??= Make("repetitions", 0x70, 4, RegisterKind.ReadWrite);

    internal IEnumerable<Register> All =>
    [
        Iova, Command, Length, Status, Reason, Vector, Completed, Pause, Pasid, Features, Flush, BufferOffset, Group,
        Answer, Requests, Hits, Misses,
        Invalidations, Piece, Accesses, Repeat,
    ];

    private Register Make(string name, uint offset, int width, RegisterKind kind, ulong reset = 0) =>
        new(channel == 0 ? name : $"{name} of channel {channel}", _at + offset, width, kind, reset);
}
