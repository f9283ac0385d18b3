namespace Ioasis.Devices.Dsa;

/// <summary>The registers of BAR 0 and the numbers that a function and its parts have in common.</summary>
internal static class DsaRegisters
{
    internal const int Bar = 0;
    internal const int PortalBar = 2;
    internal const int PageRequests = 512;
    internal const int Translations = 256; // that one engine caches
    internal const int PortalPages = 4; // per queue: unlimited and limited, and the same two for IMS
    internal const uint PageSize = 4096;
    internal const ulong Operations = (1UL << (int)DsaOpcode.Noop) | (1UL << (int)DsaOpcode.Batch)
        | (1UL << (int)DsaOpcode.Drain) | (1UL << (int)DsaOpcode.Memmove) | (1UL << (int)DsaOpcode.Memfill)
        | (1UL << (int)DsaOpcode.Compare) | (1UL << (int)DsaOpcode.Compval) | (1UL << (int)DsaOpcode.Dualcast)
        | (1UL << (int)DsaOpcode.Crcgen);

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

    /// <summary>The supported commands, one bit each.</summary>
    internal static uint Commands(DsaOptions options) =>
        (1u << ((int)DsaCommand.AbortPasid + 1)) - 2 | (options.InterruptHandles
            ? (1u << (int)DsaCommand.RequestIntHandle) | (1u << (int)DsaCommand.ReleaseIntHandle)
            : 0);
}
