using System.Buffers.Binary;

namespace Ioasis.Devices.Nvme;

/// <summary>The log pages.</summary>
/// <param name="controller">The controller whose logs they are.</param>
internal sealed class NvmeLogs(NvmeController controller)
{
    /// <summary>Bytes of the longest log page.</summary>
    internal const int Longest = 4096;

    /// <summary>The constant temperature, in kelvin.</summary>
    internal const uint Temperature = 303;

    internal const uint WarningTemperature = 343, CriticalTemperature = 373;

    /// <summary>Revision of the firmware.</summary>
    internal static ReadOnlySpan<byte> Firmware => "1.0     "u8;

    private const int ErrorEntrySize = 64;
    private const int SmartSize = 512;
    private const uint Supported = 1, ChangesBlocks = 2;

    /// <summary>Writes a log page. Returns its size in bytes, 0 if there is no such page.</summary>
    internal int Fill(NvmeLog log, Span<byte> page)
    {
        page.Clear();
        switch (log)
        {
            case NvmeLog.Error: return ErrorEntrySize; // one empty entry: no errors are recorded
            case NvmeLog.Smart: return FillSmart(page);
            case NvmeLog.FwSlot:
                page[0] = 1; // the active slot
                Firmware.CopyTo(page[8..]);
                return SmartSize;
            case NvmeLog.ChangedNs: return Longest; // namespaces never change
            case NvmeLog.CmdEffects: return FillEffects(page);
            default: return 0;
        }
    }

    private int FillSmart(Span<byte> page)
    {
        NvmeCounts counts = controller.Counts;
        BinaryPrimitives.WriteUInt16LittleEndian(page[1..], (ushort)Temperature);
        page[3] = 100; // available spare, in percent
        page[4] = 10;
        BinaryPrimitives.WriteInt64LittleEndian(page[32..], Thousands(counts.BlocksRead));
        BinaryPrimitives.WriteInt64LittleEndian(page[48..], Thousands(counts.BlocksWritten));
        BinaryPrimitives.WriteInt64LittleEndian(page[64..], counts.Reads);
        BinaryPrimitives.WriteInt64LittleEndian(page[80..], counts.Writes);
        page[112] = 1; // power cycles
        return SmartSize;

        static long Thousands(long blocks) => (blocks + 999) / 1000;
    }

    private static int FillEffects(Span<byte> page)
    {
        const int ofIoCommands = 1024;
        foreach (NvmeAdminOpcode opcode in Enum.GetValues<NvmeAdminOpcode>()) Set(page, (int)opcode, Supported);
        foreach (NvmeOpcode opcode in Enum.GetValues<NvmeOpcode>())
            Set(page[ofIoCommands..], (int)opcode,
                opcode is NvmeOpcode.Read or NvmeOpcode.Flush ? Supported : Supported | ChangesBlocks);
        return Longest;

        static void Set(Span<byte> effects, int opcode, uint value) =>
            BinaryPrimitives.WriteUInt32LittleEndian(effects[(opcode * 4)..], value);
    }
}
