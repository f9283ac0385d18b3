using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Passthrough.Vfio.Interrupts;
using Ioasis.Passthrough.Vfio.Pci.Interrupts;

namespace Ioasis.Passthrough.Vfio.Pci;

/// <summary>
/// What a driver in the host does with the function. It has the function in place of programs, and reaches the same
/// registers in the same way, but sees configuration space as the function itself has it.
/// </summary>
internal sealed partial class VfioPciDevice
{
    private bool _hasDriverInterrupts; // guarded by _access

    /// <summary>The kind of interrupt that a driver gets: the best that the function has; null for none.</summary>
    internal uint? DriverInterrupts =>
        Function.Msix is not null ? VfioH.VFIO_PCI_MSIX_IRQ_INDEX
        : Function.MsiVectors != 0 ? VfioH.VFIO_PCI_MSI_IRQ_INDEX
        : Function.HasInterruptPin ? VfioH.VFIO_PCI_INTX_IRQ_INDEX
        : null;

    /// <summary>
    /// The function becomes usable for a driver, as after power-on, with memory decoding on. <see cref="Close"/> ends
    /// that.
    /// </summary>
    internal void OpenForDriver()
    {
        Start(null);
        using (_access.Enter()) _hasDriverInterrupts = false;
    }

    /// <summary>How many bytes configuration space has.</summary>
    internal int ConfigurationSize => _hardware.Size;

    /// <summary>Reads 1, 2 or 4 bytes of configuration space, naturally aligned and within it.</summary>
    internal uint ReadConfiguration(int position, int width)
    {
        using (_access.Enter())
        {
            uint value = _hardware.Read(position, width);
            int status = PciRegs.PCI_STATUS - position;
            return status >= 0 && status < width && _slot.LineAsserted
                ? value | ((uint)PciRegs.PCI_STATUS_INTERRUPT << (status * 8))
                : value;
        }
    }

    /// <summary>Writes 1, 2 or 4 bytes of configuration space, naturally aligned and within it.</summary>
    internal void WriteConfiguration(int position, int width, uint value)
    {
        using (_access.Enter()) WriteHardware(position, width, value);
    }

    /// <summary>Reads or writes a BAR in the widest aligned accesses, and a portal in descriptors.</summary>
    /// <returns>EINVAL beyond the BAR; else as for a program.</returns>
    internal Errno AccessBar(int index, ulong offset, Span<byte> bytes, bool write)
    {
        if (FindBar((uint)index) is not { } bar || offset > bar.Size || (uint)bytes.Length > bar.Size - offset)
            return Errno.EINVAL.Because($"0x{offset:x} + 0x{bytes.Length:x} is not within BAR {index}");
        return AccessBar(bar, offset, bytes, write, out _);
    }

    /// <summary>Switches bus mastering, with memory decoding on.</summary>
    internal void SetBusMaster(bool on)
    {
        using (_access.Enter())
        {
            uint command = _hardware.Read(PciRegs.PCI_COMMAND, 2) | (uint)PciRegs.PCI_COMMAND_MEMORY;
            command = on ? command | (uint)PciRegs.PCI_COMMAND_MASTER : command & ~(uint)PciRegs.PCI_COMMAND_MASTER;
            WriteHardware(PciRegs.PCI_COMMAND, 2, command);
        }
    }

    /// <summary>Connects an interrupt of <see cref="DriverInterrupts"/>, or (null) disconnects it.</summary>
    /// <param name="vector">Which; within the count.</param>
    /// <param name="raised">Called for each interrupt, under locks of the function: it returns at once.</param>
    internal Errno SetDriverInterrupt(uint vector, Action? raised)
    {
        const uint flags = VfioH.VFIO_IRQ_SET_DATA_EVENTFD | VfioH.VFIO_IRQ_SET_ACTION_TRIGGER;
        uint index = DriverInterrupts!.Value;
        using (_access.Enter())
        {
            // The first call enables all vectors: the number of MSI vectors is fixed then.
            (uint first, uint count) = _hasDriverInterrupts ? (vector, 1u) : (0u, IrqCount(index));
            var events = new EventRequest[count];
            Array.Fill(events, new EventRequest(-1, null, Errno.None));
            if (raised is not null) events[vector - first] = new EventRequest(0, new DriverEvent(raised), Errno.None);
            Errno errno = SetIrqsLocked(index, new IrqRequest(flags, first, count, [], events));
            _hasDriverInterrupts |= errno == Errno.None;
            return errno;
        }
    }

    /// <summary>Unmasks the interrupt line, which masks itself with each interrupt.</summary>
    internal void UnmaskLine()
    {
        const uint flags = VfioH.VFIO_IRQ_SET_DATA_NONE | VfioH.VFIO_IRQ_SET_ACTION_UNMASK;
        SetIrqsLocked(VfioH.VFIO_PCI_INTX_IRQ_INDEX, new IrqRequest(flags, 0, 1, [], []));
    }
}
