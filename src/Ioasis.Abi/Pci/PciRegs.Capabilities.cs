namespace Ioasis.Abi;

public static partial class PciRegs
{
    /// <summary>Offset in a capability, 8 bits: its ID.</summary>
    public const int PCI_CAP_LIST_ID = 0;
    /// <summary>Offset in a capability, 8 bits: offset of the next, 0 for none.</summary>
    public const int PCI_CAP_LIST_NEXT = 1;
    /// <summary>Offset in a capability, 16 bits: its own flags.</summary>
    public const int PCI_CAP_FLAGS = 2;
    /// <summary>Bytes of the smallest capability.</summary>
    public const int PCI_CAP_SIZEOF = 4;
    /// <summary>Capability ID: power management.</summary>
    public const byte PCI_CAP_ID_PM = 0x01;
    /// <summary>Capability ID: accelerated graphics port.</summary>
    public const byte PCI_CAP_ID_AGP = 0x02;
    /// <summary>Capability ID: vital product data.</summary>
    public const byte PCI_CAP_ID_VPD = 0x03;
    /// <summary>Capability ID: MSI.</summary>
    public const byte PCI_CAP_ID_MSI = 0x05;
    /// <summary>Capability ID: PCI-X.</summary>
    public const byte PCI_CAP_ID_PCIX = 0x07;
    /// <summary>Capability ID: HyperTransport.</summary>
    public const byte PCI_CAP_ID_HT = 0x08;
    /// <summary>Capability ID: vendor-specific.</summary>
    public const byte PCI_CAP_ID_VNDR = 0x09;
    /// <summary>Capability ID: PCI Express.</summary>
    public const byte PCI_CAP_ID_EXP = 0x10;
    /// <summary>Capability ID: MSI-X.</summary>
    public const byte PCI_CAP_ID_MSIX = 0x11;
    /// <summary>Capability ID: SATA.</summary>
    public const byte PCI_CAP_ID_SATA = 0x12;
    /// <summary>Capability ID: Advanced Features.</summary>
    public const byte PCI_CAP_ID_AF = 0x13;
    /// <summary>Capability ID: enhanced allocation.</summary>
    public const byte PCI_CAP_ID_EA = 0x14;
    /// <summary>The highest capability ID.</summary>
    public const byte PCI_CAP_ID_MAX = PCI_CAP_ID_EA;

    /// <summary>Offset in PM, 16 bits: capabilities.</summary>
    public const int PCI_PM_PMC = 2;
    /// <summary>PM capabilities: mask of the version.</summary>
    public const ushort PCI_PM_CAP_VER_MASK = 0x0007;
    /// <summary>PM capabilities: needs device-specific initialization.</summary>
    public const ushort PCI_PM_CAP_DSI = 0x0020;
    /// <summary>PM capabilities: D1 is supported.</summary>
    public const ushort PCI_PM_CAP_D1 = 0x0200;
    /// <summary>PM capabilities: D2 is supported.</summary>
    public const ushort PCI_PM_CAP_D2 = 0x0400;
    /// <summary>PM capabilities: mask of the states that can send PME.</summary>
    public const ushort PCI_PM_CAP_PME_MASK = 0xF800;
    /// <summary>Offset in PM, 16 bits: control and status.</summary>
    public const int PCI_PM_CTRL = 4;
    /// <summary>PM control: mask of the state, D0 to D3hot.</summary>
    public const ushort PCI_PM_CTRL_STATE_MASK = 0x0003;
    /// <summary>PM control: the transition from D3hot to D0 does not reset the function.</summary>
    public const ushort PCI_PM_CTRL_NO_SOFT_RESET = 0x0008;
    /// <summary>PM control: PME is enabled.</summary>
    public const ushort PCI_PM_CTRL_PME_ENABLE = 0x0100;
    /// <summary>PM control, write 1 to clear: PME was sent.</summary>
    public const ushort PCI_PM_CTRL_PME_STATUS = 0x8000;
    /// <summary>Bytes of PM.</summary>
    public const int PCI_PM_SIZEOF = 8;

    /// <summary>Offset in MSI, 16 bits: message control.</summary>
    public const int PCI_MSI_FLAGS = 0x02;
    /// <summary>MSI control: enabled.</summary>
    public const ushort PCI_MSI_FLAGS_ENABLE = 0x0001;
    /// <summary>MSI control: log2 of the vectors that the function supports.</summary>
    public const ushort PCI_MSI_FLAGS_QMASK = 0x000e;
    /// <summary>MSI control: log2 of the vectors that are enabled.</summary>
    public const ushort PCI_MSI_FLAGS_QSIZE = 0x0070;
    /// <summary>MSI control: 64-bit addresses.</summary>
    public const ushort PCI_MSI_FLAGS_64BIT = 0x0080;
    /// <summary>MSI control: a mask bit per vector.</summary>
    public const ushort PCI_MSI_FLAGS_MASKBIT = 0x0100;
    /// <summary>Offset in MSI, 32 bits: lower half of the address.</summary>
    public const int PCI_MSI_ADDRESS_LO = 0x04;
    /// <summary>Offset in MSI, 32 bits: upper half of the address, with 64-bit addresses.</summary>
    public const int PCI_MSI_ADDRESS_HI = 0x08;
    /// <summary>Offset in MSI, 16 bits: data, with 32-bit addresses.</summary>
    public const int PCI_MSI_DATA_32 = 0x08;
    /// <summary>Offset in MSI, 32 bits: mask bits, with 32-bit addresses.</summary>
    public const int PCI_MSI_MASK_32 = 0x0c;
    /// <summary>Offset in MSI, 32 bits: pending bits, with 32-bit addresses.</summary>
    public const int PCI_MSI_PENDING_32 = 0x10;
    /// <summary>Offset in MSI, 16 bits: data, with 64-bit addresses.</summary>
    public const int PCI_MSI_DATA_64 = 0x0c;
    /// <summary>Offset in MSI, 32 bits: mask bits, with 64-bit addresses.</summary>
    public const int PCI_MSI_MASK_64 = 0x10;
    /// <summary>Offset in MSI, 32 bits: pending bits, with 64-bit addresses.</summary>
    public const int PCI_MSI_PENDING_64 = 0x14;

    /// <summary>Offset in MSI-X, 16 bits: message control.</summary>
    public const int PCI_MSIX_FLAGS = 2;
    /// <summary>MSI-X control: vectors in the table, minus 1.</summary>
    public const ushort PCI_MSIX_FLAGS_QSIZE = 0x07FF;
    /// <summary>MSI-X control: all vectors are masked.</summary>
    public const ushort PCI_MSIX_FLAGS_MASKALL = 0x4000;
    /// <summary>MSI-X control: enabled.</summary>
    public const ushort PCI_MSIX_FLAGS_ENABLE = 0x8000;
    /// <summary>Offset in MSI-X, 32 bits: location of the table.</summary>
    public const int PCI_MSIX_TABLE = 4;
    /// <summary>MSI-X table: its BAR.</summary>
    public const uint PCI_MSIX_TABLE_BIR = 0x00000007;
    /// <summary>MSI-X table: offset in the BAR, in bytes.</summary>
    public const uint PCI_MSIX_TABLE_OFFSET = 0xfffffff8;
    /// <summary>Offset in MSI-X, 32 bits: location of the pending bits.</summary>
    public const int PCI_MSIX_PBA = 8;
    /// <summary>MSI-X pending bits: their BAR.</summary>
    public const uint PCI_MSIX_PBA_BIR = 0x00000007;
    /// <summary>MSI-X pending bits: offset in the BAR, in bytes.</summary>
    public const uint PCI_MSIX_PBA_OFFSET = 0xfffffff8;
    /// <summary>Bytes of MSI-X.</summary>
    public const int PCI_CAP_MSIX_SIZEOF = 12;
    /// <summary>Bytes of an entry of the MSI-X table.</summary>
    public const int PCI_MSIX_ENTRY_SIZE = 16;
    /// <summary>Offset in an entry, 32 bits: lower half of the address.</summary>
    public const int PCI_MSIX_ENTRY_LOWER_ADDR = 0x0;
    /// <summary>Offset in an entry, 32 bits: upper half of the address.</summary>
    public const int PCI_MSIX_ENTRY_UPPER_ADDR = 0x4;
    /// <summary>Offset in an entry, 32 bits: data.</summary>
    public const int PCI_MSIX_ENTRY_DATA = 0x8;
    /// <summary>Offset in an entry, 32 bits: control.</summary>
    public const int PCI_MSIX_ENTRY_VECTOR_CTRL = 0xc;
    /// <summary>Entry control: the vector is masked.</summary>
    public const uint PCI_MSIX_ENTRY_CTRL_MASKBIT = 0x00000001;

    /// <summary>Offset in AF, 8 bits: bytes of AF.</summary>
    public const int PCI_AF_LENGTH = 2;
    /// <summary>Offset in AF, 8 bits: capabilities.</summary>
    public const int PCI_AF_CAP = 3;
    /// <summary>AF capabilities: reports pending transactions.</summary>
    public const byte PCI_AF_CAP_TP = 0x01;
    /// <summary>AF capabilities: function-level reset.</summary>
    public const byte PCI_AF_CAP_FLR = 0x02;
    /// <summary>Offset in AF, 8 bits: control.</summary>
    public const int PCI_AF_CTRL = 4;
    /// <summary>AF control: reset now; reads 0.</summary>
    public const byte PCI_AF_CTRL_FLR = 0x01;
    /// <summary>Offset in AF, 8 bits: status.</summary>
    public const int PCI_AF_STATUS = 5;
    /// <summary>AF status: transactions are pending.</summary>
    public const byte PCI_AF_STATUS_TP = 0x01;
    /// <summary>Bytes of AF.</summary>
    public const int PCI_CAP_AF_SIZEOF = 6;
}
