using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Faults;
using Ioasis.Memory;

namespace Ioasis.Scenes;

/// <summary>dmatest as its driver sees it: registers in BAR0, buffer in BAR2 (docs/devices/dmatest.md).</summary>
internal sealed class DemoDevice(VfioDevice device)
{
    internal const int BufferSize = 4096;

    private const ulong Iova = 0x00, Command = 0x08, Length = 0x10, Status = 0x14, Reason = 0x18, PasidAt = 0x2c,
        Features = 0x30;
    private const uint Start = 1, ToDevice = 2, Done = 1, HasPasid = 1u << 31, UsePri = 2;

    private readonly VfioRegion _registers = device.GetRegion(VfioH.VFIO_PCI_BAR0_REGION_INDEX);
    private readonly VfioRegion _buffer = device.GetRegion(VfioH.VFIO_PCI_BAR2_REGION_INDEX);

    /// <summary>Whether no copy is under way.</summary>
    internal bool IsIdle => (_registers.Read<uint>(Command) & Start) == 0;

    /// <summary>The bytes inside the device.</summary>
    internal byte[] Buffer
    {
        get
        {
            var bytes = new byte[BufferSize];
            _buffer.Read(0, bytes);
            return bytes;
        }
        set => _buffer.Write(0, value);
    }

    /// <summary>Lets the device read memory into its buffer; returns the reason if that was refused.</summary>
    internal FaultReason ReadMemory(Iova iova, Pasid? pasid = null)
    {
        Begin(iova, toDevice: true, pasid);
        return End();
    }

    /// <summary>Lets the device write its buffer to memory; returns the reason if that was refused.</summary>
    internal FaultReason WriteMemory(Iova iova)
    {
        Begin(iova, toDevice: false);
        return End();
    }

    /// <summary>Starts a copy of the whole buffer.</summary>
    /// <param name="iova">Start of the memory.</param>
    /// <param name="toDevice">Whether the device reads the memory.</param>
    /// <param name="pasid">The PASID of its requests, if any.</param>
    /// <param name="requestPages">Whether it requests missing pages.</param>
    internal void Begin(Iova iova, bool toDevice, Pasid? pasid = null, bool requestPages = false)
    {
        _registers.Write(Iova, iova.Value);
        _registers.Write(Length, (uint)BufferSize);
        _registers.Write(PasidAt, pasid is { } id ? HasPasid | id.Value : 0);
        _registers.Write(Features, requestPages ? UsePri : 0u);
        _registers.Write(Command, toDevice ? Start | ToDevice : Start);
    }

    /// <summary>Waits for the end of the copy; returns the reason if it was refused.</summary>
    internal FaultReason End()
    {
        DemoPatience.Until(() => IsIdle, "the end of the device's DMA");
        var reason = (FaultReason)_registers.Read<uint>(Reason);
        bool done = _registers.Read<uint>(Status) == Done;
        if (done != (reason == FaultReason.None))
            throw new InvalidOperationException($"The device says both that its DMA was done and {reason}.");
        return reason;
    }
}
