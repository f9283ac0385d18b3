using System.Runtime.InteropServices;
using Ioasis.Client;
using Ioasis.Devices.Dsa;

namespace Ioasis.Scenes;

/// <summary>
/// A DSA as a driver in the guest sees it (docs/devices/dsa.md). It has one shared work queue, so each descriptor
/// carries the PASID of its address space, and one engine, so the device caches translations in one place.
/// </summary>
internal sealed class DemoDsa
{
    internal const int Entries = 16;
    // of WQCFG; the bit for a dedicated queue stays clear
    private const uint BlockOnFault = 2, Priority = 1 << 4, UsePasid = 1 << 28;
    private const uint MaxTransfer = 21, LimitedPortal = 0x1000;
    private readonly VfioRegion _registers, _portals;

    /// <summary>Configures and enables the device and its queue.</summary>
    internal DemoDsa(VfioDevice device)
    {
        (_registers, _portals) = (device.GetRegion(DsaRegisters.Bar), device.GetRegion(DsaRegisters.PortalBar));
        Write(DsaLayout.Whole.Group[0][0], 1UL); // queue 0
        Write(DsaLayout.Whole.Group[0][4], 1UL); // engine 0
        uint[] configuration = [Entries, Entries, BlockOnFault | Priority | UsePasid, MaxTransfer, 0, 0, 0, 0,
            1u << (int)DsaOpcode.Memmove];
        for (int word = 0; word < configuration.Length; word++)
            Write(DsaLayout.Whole.Queue[0][word], configuration[word]);
        Command(DsaCommand.EnableDevice);
        Command(DsaCommand.EnableWq);
    }

    /// <summary>An error that no completion record could report: its status and its PASID; null for none.</summary>
    internal (DsaStatus Status, uint Pasid)? SoftwareError
    {
        get
        {
            ulong word = _registers.Read<ulong>(DsaRegisters.SoftwareError[0].Offset);
            return (word & 1) == 0 ? null : ((DsaStatus)(byte)(word >> 8), (uint)(word >> 40) & 0xfffff);
        }
    }

    /// <summary>Submits a copy between two pointers of a process. A completion record goes to a third.</summary>
    internal void Submit(DemoProcess process, ulong source, ulong target, int length, ulong record,
        bool blockOnFault = false)
    {
        DsaFlags flags = DsaFlags.CompletionAddressValid | DsaFlags.RequestCompletion
            | (blockOnFault ? DsaFlags.BlockOnFault : DsaFlags.None);
        var descriptor = new DsaDescriptor
        {
            Requester = process.Pasid.Value,
            FlagsAndOpcode = ((uint)DsaOpcode.Memmove << 24) | (uint)flags,
            CompletionAddr = record,
            SrcAddr = source,
            DstAddr = target,
            XferSize = (uint)length,
        };
        process.Write(record, default(DsaCompletionRecord));
        _portals.Write(LimitedPortal, MemoryMarshal.AsBytes(new ReadOnlySpan<DsaDescriptor>(in descriptor)));
    }

    private void Command(DsaCommand command)
    {
        Write(DsaRegisters.Command, (uint)command << 20);
        DemoPatience.Until(() => Status() >> 31 == 0, $"the end of command {command}");
        if (Status() != 0) throw new InvalidOperationException($"Command {command} ended with error 0x{Status():x}.");

        uint Status() => _registers.Read<uint>(DsaRegisters.CommandStatus.Offset);
    }

    private void Write<T>(Devices.Register register, T value) where T : unmanaged =>
        _registers.Write(register.Offset, value);
}
