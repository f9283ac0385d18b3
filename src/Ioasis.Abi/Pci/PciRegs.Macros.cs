namespace Ioasis.Abi;

public static partial class PciRegs
{
    /// <summary>ID in the header of an extended capability.</summary>
    /// <param name="header">The capability's first 32 bits.</param>
    public static ushort PCI_EXT_CAP_ID(uint header) => (ushort)header;

    /// <summary>Version in the header of an extended capability.</summary>
    /// <param name="header">The capability's first 32 bits.</param>
    public static int PCI_EXT_CAP_VER(uint header) => (int)(header >> 16) & 0xf;

    /// <summary>Offset in bytes of the next extended capability, 0 for none.</summary>
    /// <param name="header">The capability's first 32 bits.</param>
    public static int PCI_EXT_CAP_NEXT(uint header) => (int)(header >> 20) & 0xffc;

    /// <summary>
    /// Depth of the invalidate queue in the ATS capabilities; 0 stands for <see cref="PCI_ATS_MAX_QDEP"/>.
    /// </summary>
    /// <param name="cap">The register <see cref="PCI_ATS_CAP"/>.</param>
    public static int PCI_ATS_CAP_QDEP(ushort cap) => cap & 0x1f;

    /// <summary>
    /// Smallest translation unit in the ATS control: log2 of its bytes less <see cref="PCI_ATS_MIN_STU"/>.
    /// </summary>
    /// <param name="ctrl">The register <see cref="PCI_ATS_CTRL"/>.</param>
    public static ushort PCI_ATS_CTRL_STU(ushort ctrl) => (ushort)(ctrl & 0x1f);

    /// <summary>Device and function in one byte (linux/pci.h).</summary>
    /// <param name="slot">Device, 0 to 31.</param>
    /// <param name="func">Function, 0 to 7.</param>
    public static byte PCI_DEVFN(int slot, int func) => (byte)(((slot & 0x1f) << 3) | (func & 0x07));

    /// <summary>Device, 0 to 31 (linux/pci.h).</summary>
    /// <param name="devfn">Device and function.</param>
    public static int PCI_SLOT(byte devfn) => devfn >> 3;

    /// <summary>Function, 0 to 7 (linux/pci.h).</summary>
    /// <param name="devfn">Device and function.</param>
    public static int PCI_FUNC(byte devfn) => devfn & 0x07;
}
