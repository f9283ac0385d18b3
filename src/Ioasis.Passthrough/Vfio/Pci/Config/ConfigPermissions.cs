using System.Buffers.Binary;
using static Ioasis.Abi.PciRegs;

namespace Ioasis.Passthrough.Vfio.Pci.Config;

/// <summary>
/// What a program may do with each bit of configuration space (Linux: vfio_pci_config.c, struct perm_bits): whether it
/// is a virtual one, which the program sees and changes apart from the function's own, and whether it may be written.
/// </summary>
internal sealed class ConfigPermissions
{
    /// <summary>
    /// Kind of bytes that belong to no capability that is known: they are the function's own, all of them.
    /// </summary>
    internal const byte Unassigned = 0xff;

    // Extended capabilities count apart from the others: 0x10 is SR-IOV there and PCI Express here.
    private const byte Extended = 0x80;

    /// <summary>Kind of the bytes of the header.</summary>
    internal const byte Header = 0;

    private readonly byte[] _kind;
    private readonly byte[] _virtual;
    private readonly byte[] _writable;

    internal ConfigPermissions(PciConfig config)
    {
        _kind = new byte[config.Size];
        _virtual = new byte[config.Size];
        _writable = new byte[config.Size];
        Fill(_kind.AsSpan(PCI_STD_HEADER_SIZEOF), Unassigned);
        Fill(_writable.AsSpan(PCI_STD_HEADER_SIZEOF), 0xff);
        SetHeader();
        PciConfigLayout layout = config.Layout;
        if (layout.PowerManagement != 0) SetPowerManagement(layout.PowerManagement);
        if (layout.Msi != 0) SetMsi(layout.Msi);
        if (layout.Express != 0) SetExpress(layout.Express);
        if (layout.Msix != 0) AddCapability(layout.Msix, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);
        foreach ((int at, int length) in layout.Vendor) SetVendor(at, length);

        // Nothing of them can be written. The PASID capability is not known: its bytes are like those of none.
        if (layout.Ats != 0) AddExtended(layout.Ats, PCI_EXT_CAP_ID_ATS, PCI_EXT_CAP_ATS_SIZEOF);
        if (layout.Pri != 0) AddExtended(layout.Pri, PCI_EXT_CAP_ID_PRI, PCI_EXT_CAP_PRI_SIZEOF);
        if (layout.Sriov != 0) AddExtended(layout.Sriov, PCI_EXT_CAP_ID_SRIOV, PCI_EXT_CAP_SRIOV_SIZEOF);
        if (layout.Pasid == PCI_CFG_SPACE_SIZE) AddExtended(layout.Pasid, PCI_EXT_CAP_ID_PASID, PCI_CAP_SIZEOF);
    }

    /// <summary>
    /// Which capability a byte belongs to, by ID, those of the extended list apart from others; <see cref="Header"/> or
    /// <see cref="Unassigned"/> for none.
    /// </summary>
    internal byte Kind(int position) => _kind[position];

    internal uint Virtual(int position, int count) => Mask(_virtual, position, count);

    internal uint Writable(int position, int count) => Mask(_writable, position, count);

    private static uint Mask(byte[] masks, int position, int count)
    {
        uint mask = 0;
        for (int i = 0; i < count; i++) mask |= (uint)masks[position + i] << (i * 8);
        return mask;
    }

    private void SetHeader()
    {
        Set32(PCI_VENDOR_ID, ~0u, 0);
        Set16(PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, 0xffff);
        Set16(PCI_STATUS, PCI_STATUS_CAP_LIST, 0);
        Set8(PCI_CACHE_LINE_SIZE, 0, 0xff);
        Set8(PCI_LATENCY_TIMER, 0, 0xff);
        Set8(PCI_BIST, 0, 0xff);
        for (int bar = 0; bar < PCI_STD_NUM_BARS; bar++) Set32(PCI_BASE_ADDRESS_0 + (bar * 4), ~0u, ~0u);
        Set32(PCI_ROM_ADDRESS, ~0u, ~0u);
        Set8(PCI_CAPABILITY_LIST, 0xff, 0);
        Set8(PCI_INTERRUPT_LINE, 0xff, 0xff);
        Set8(PCI_INTERRUPT_PIN, 0xff, 0);
    }

    private void SetPowerManagement(int at)
    {
        AddCapability(at, PCI_CAP_ID_PM, PCI_PM_SIZEOF);
        const ushort pme = PCI_PM_CTRL_PME_ENABLE | PCI_PM_CTRL_PME_STATUS; // the host's: a program has no use for it
        Set16(at + PCI_PM_PMC, PCI_PM_CAP_PME_MASK, 0);
        Set32(at + PCI_PM_CTRL, pme, ~(uint)(pme | PCI_PM_CTRL_STATE_MASK));
    }

    private void SetMsi(int at)
    {
        AddCapability(at, PCI_CAP_ID_MSI, PCI_MSI_DATA_64 + 2);
        Set8(at + PCI_MSI_FLAGS, 0xff, 0xff);
        Set32(at + PCI_MSI_ADDRESS_LO, ~0u, ~0u);
        Set32(at + PCI_MSI_ADDRESS_HI, ~0u, ~0u);
        Set16(at + PCI_MSI_DATA_64, 0xffff, 0xffff);
    }

    private void SetExpress(int at)
    {
        AddCapability(at, PCI_CAP_ID_EXP, PCI_CAP_EXP_ENDPOINT_SIZEOF_V2);
        Set16(at + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR | PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_READRQ,
            unchecked((ushort)~PCI_EXP_DEVCTL_PHANTOM));
        Set16(at + PCI_EXP_DEVCTL2, 0, unchecked((ushort)~PCI_EXP_DEVCTL2_ARI));
    }

    /// <summary>Writes go to the function, which decides what they change.</summary>
    private void SetVendor(int at, int length)
    {
        AddCapability(at, PCI_CAP_ID_VNDR, length);
        Fill(_writable.AsSpan(at + PCI_CAP_FLAGS, length - PCI_CAP_FLAGS), 0xff);
    }

    // The framework's own is compiled at each start.
    private static void Fill(Span<byte> bytes, byte value)
    {
        for (int i = 0; i < bytes.Length; i++) bytes[i] = value;
    }

    private void AddCapability(int at, byte id, int length)
    {
        Fill(_kind.AsSpan(at, length), id);
        Array.Clear(_writable, at, (length + 3) & ~3);
        if (length % 4 != 0) Fill(_writable.AsSpan(at + length, 4 - (length % 4)), 0xff);
        Set8(at + PCI_CAP_LIST_NEXT, 0xff, 0);
    }

    /// <summary>Its header is virtual: it leads to the next that programs see.</summary>
    private void AddExtended(int at, ushort id, int length)
    {
        Array.Fill(_kind, (byte)(Extended | id), at, length);
        Array.Clear(_writable, at, length);
        Set32(at, ~0u, 0);
    }

    private void Set8(int at, byte isVirtual, byte writable)
    {
        _virtual[at] = isVirtual;
        _writable[at] = writable;
    }

    private void Set16(int at, ushort isVirtual, ushort writable)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_virtual.AsSpan(at), isVirtual);
        BinaryPrimitives.WriteUInt16LittleEndian(_writable.AsSpan(at), writable);
    }

    private void Set32(int at, uint isVirtual, uint writable)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_virtual.AsSpan(at), isVirtual);
        BinaryPrimitives.WriteUInt32LittleEndian(_writable.AsSpan(at), writable);
    }
}
