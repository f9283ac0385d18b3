namespace Ioasis.Abi;

/// <summary>
/// The offsets and bits of PCI configuration space (linux/pci_regs.h, Linux 7.2) that device models and VFIO need.
/// Names are Linux's own. An offset is an int, in bytes; bits are as wide as their register.
/// </summary>
public static partial class PciRegs
{
    /// <summary>Bytes of configuration space of a conventional device.</summary>
    public const int PCI_CFG_SPACE_SIZE = 256;
    /// <summary>Bytes of configuration space of a PCI Express device.</summary>
    public const int PCI_CFG_SPACE_EXP_SIZE = 4096;
    /// <summary>Bytes of the header; capabilities come after it.</summary>
    public const int PCI_STD_HEADER_SIZEOF = 64;
    /// <summary>BARs of a header of type 0.</summary>
    public const int PCI_STD_NUM_BARS = 6;

    /// <summary>Offset, 16 bits: vendor.</summary>
    public const int PCI_VENDOR_ID = 0x00;
    /// <summary>Offset, 16 bits: device.</summary>
    public const int PCI_DEVICE_ID = 0x02;
    /// <summary>Offset, 16 bits: command.</summary>
    public const int PCI_COMMAND = 0x04;
    /// <summary>Command: I/O BARs are enabled.</summary>
    public const ushort PCI_COMMAND_IO = 0x1;
    /// <summary>Command: memory BARs are enabled.</summary>
    public const ushort PCI_COMMAND_MEMORY = 0x2;
    /// <summary>Command: the device may do DMA and send MSIs.</summary>
    public const ushort PCI_COMMAND_MASTER = 0x4;
    /// <summary>Command: special cycles; 0 on PCI Express.</summary>
    public const ushort PCI_COMMAND_SPECIAL = 0x8;
    /// <summary>Command: memory write and invalidate; 0 on PCI Express.</summary>
    public const ushort PCI_COMMAND_INVALIDATE = 0x10;
    /// <summary>Command: VGA palette snoop; 0 on PCI Express.</summary>
    public const ushort PCI_COMMAND_VGA_PALETTE = 0x20;
    /// <summary>Command: respond to parity errors.</summary>
    public const ushort PCI_COMMAND_PARITY = 0x40;
    /// <summary>Command: address stepping; 0 on PCI Express.</summary>
    public const ushort PCI_COMMAND_WAIT = 0x80;
    /// <summary>Command: report errors by SERR#.</summary>
    public const ushort PCI_COMMAND_SERR = 0x100;
    /// <summary>Command: fast back-to-back; 0 on PCI Express.</summary>
    public const ushort PCI_COMMAND_FAST_BACK = 0x200;
    /// <summary>Command: INTx is disabled.</summary>
    public const ushort PCI_COMMAND_INTX_DISABLE = 0x400;
    /// <summary>Offset, 16 bits: status.</summary>
    public const int PCI_STATUS = 0x06;
    /// <summary>Status: ready immediately after a reset.</summary>
    public const ushort PCI_STATUS_IMM_READY = 0x01;
    /// <summary>Status: INTx is pending.</summary>
    public const ushort PCI_STATUS_INTERRUPT = 0x08;
    /// <summary>Status: there is a capability list.</summary>
    public const ushort PCI_STATUS_CAP_LIST = 0x10;
    /// <summary>Status: 66 MHz; 0 on PCI Express.</summary>
    public const ushort PCI_STATUS_66MHZ = 0x20;
    /// <summary>Status: fast back-to-back; 0 on PCI Express.</summary>
    public const ushort PCI_STATUS_FAST_BACK = 0x80;
    /// <summary>Status, write 1 to clear: master data parity error.</summary>
    public const ushort PCI_STATUS_PARITY = 0x100;
    /// <summary>Status: DEVSEL timing; 0 on PCI Express.</summary>
    public const ushort PCI_STATUS_DEVSEL_MASK = 0x600;
    /// <summary>Status, write 1 to clear: completed a request with an abort.</summary>
    public const ushort PCI_STATUS_SIG_TARGET_ABORT = 0x800;
    /// <summary>Status, write 1 to clear: a request of the function was aborted.</summary>
    public const ushort PCI_STATUS_REC_TARGET_ABORT = 0x1000;
    /// <summary>Status, write 1 to clear: a request of the function got no answer (master abort).</summary>
    public const ushort PCI_STATUS_REC_MASTER_ABORT = 0x2000;
    /// <summary>Status, write 1 to clear: sent an error message.</summary>
    public const ushort PCI_STATUS_SIG_SYSTEM_ERROR = 0x4000;
    /// <summary>Status, write 1 to clear: received poisoned data.</summary>
    public const ushort PCI_STATUS_DETECTED_PARITY = 0x8000;

    /// <summary>Offset, 32 bits: class in the upper 24, revision in the lower 8.</summary>
    public const int PCI_CLASS_REVISION = 0x08;
    /// <summary>Offset, 8 bits: revision.</summary>
    public const int PCI_REVISION_ID = 0x08;
    /// <summary>Offset, 8 bits: programming interface.</summary>
    public const int PCI_CLASS_PROG = 0x09;
    /// <summary>Offset, 16 bits: class and subclass.</summary>
    public const int PCI_CLASS_DEVICE = 0x0a;
    /// <summary>Offset, 8 bits: cache line size; without effect on PCI Express.</summary>
    public const int PCI_CACHE_LINE_SIZE = 0x0c;
    /// <summary>Offset, 8 bits: latency timer, 0 on PCI Express.</summary>
    public const int PCI_LATENCY_TIMER = 0x0d;
    /// <summary>Offset, 8 bits: header type.</summary>
    public const int PCI_HEADER_TYPE = 0x0e;
    /// <summary>Header type: mask of the layout.</summary>
    public const byte PCI_HEADER_TYPE_MASK = 0x7f;
    /// <summary>Header type 0: an endpoint.</summary>
    public const byte PCI_HEADER_TYPE_NORMAL = 0;
    /// <summary>Header type 1: a bridge.</summary>
    public const byte PCI_HEADER_TYPE_BRIDGE = 1;
    /// <summary>Header type: the device has several functions.</summary>
    public const byte PCI_HEADER_TYPE_MFD = 0x80;
    /// <summary>Offset, 8 bits: built-in self test.</summary>
    public const int PCI_BIST = 0x0f;

    /// <summary>Offset, 32 bits: BAR 0.</summary>
    public const int PCI_BASE_ADDRESS_0 = 0x10;
    /// <summary>Offset, 32 bits: BAR 1.</summary>
    public const int PCI_BASE_ADDRESS_1 = 0x14;
    /// <summary>Offset, 32 bits: BAR 2.</summary>
    public const int PCI_BASE_ADDRESS_2 = 0x18;
    /// <summary>Offset, 32 bits: BAR 3.</summary>
    public const int PCI_BASE_ADDRESS_3 = 0x1c;
    /// <summary>Offset, 32 bits: BAR 4.</summary>
    public const int PCI_BASE_ADDRESS_4 = 0x20;
    /// <summary>Offset, 32 bits: BAR 5.</summary>
    public const int PCI_BASE_ADDRESS_5 = 0x24;
    /// <summary>BAR: mask of the kind of space.</summary>
    public const uint PCI_BASE_ADDRESS_SPACE = 0x01;
    /// <summary>BAR: I/O space.</summary>
    public const uint PCI_BASE_ADDRESS_SPACE_IO = 0x01;
    /// <summary>BAR: memory space.</summary>
    public const uint PCI_BASE_ADDRESS_SPACE_MEMORY = 0x00;
    /// <summary>Memory BAR: mask of its width.</summary>
    public const uint PCI_BASE_ADDRESS_MEM_TYPE_MASK = 0x06;
    /// <summary>Memory BAR: 32 bits.</summary>
    public const uint PCI_BASE_ADDRESS_MEM_TYPE_32 = 0x00;
    /// <summary>Memory BAR: below 1 MiB, obsolete.</summary>
    public const uint PCI_BASE_ADDRESS_MEM_TYPE_1M = 0x02;
    /// <summary>Memory BAR: 64 bits; the next BAR is its upper half.</summary>
    public const uint PCI_BASE_ADDRESS_MEM_TYPE_64 = 0x04;
    /// <summary>Memory BAR: prefetchable.</summary>
    public const uint PCI_BASE_ADDRESS_MEM_PREFETCH = 0x08;
    /// <summary>Memory BAR: mask of the address, lower 32 bits.</summary>
    public const uint PCI_BASE_ADDRESS_MEM_MASK = ~0x0fu;
    /// <summary>I/O BAR: mask of the address, 32 bits.</summary>
    public const uint PCI_BASE_ADDRESS_IO_MASK = ~0x03u;

    /// <summary>Offset, 32 bits: CardBus CIS pointer, 0 on PCI Express.</summary>
    public const int PCI_CARDBUS_CIS = 0x28;
    /// <summary>Offset, 16 bits: subsystem vendor.</summary>
    public const int PCI_SUBSYSTEM_VENDOR_ID = 0x2c;
    /// <summary>Offset, 16 bits: subsystem.</summary>
    public const int PCI_SUBSYSTEM_ID = 0x2e;
    /// <summary>Offset, 32 bits: expansion ROM.</summary>
    public const int PCI_ROM_ADDRESS = 0x30;
    /// <summary>Expansion ROM: enabled.</summary>
    public const uint PCI_ROM_ADDRESS_ENABLE = 0x01;
    /// <summary>Expansion ROM: mask of the address.</summary>
    public const uint PCI_ROM_ADDRESS_MASK = ~0x7ffu;
    /// <summary>Offset, 8 bits: offset of the first capability, 0 for none.</summary>
    public const int PCI_CAPABILITY_LIST = 0x34;
    /// <summary>Offset, 8 bits: interrupt line, for software only.</summary>
    public const int PCI_INTERRUPT_LINE = 0x3c;
    /// <summary>Offset, 8 bits: 0 no INTx, 1 INTA to 4 INTD.</summary>
    public const int PCI_INTERRUPT_PIN = 0x3d;
    /// <summary>Offset, 8 bits: 0 on PCI Express.</summary>
    public const int PCI_MIN_GNT = 0x3e;
    /// <summary>Offset, 8 bits: 0 on PCI Express.</summary>
    public const int PCI_MAX_LAT = 0x3f;
}
