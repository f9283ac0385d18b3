using System.Buffers.Binary;
using Ioasis.Core.Endpoints;
using Ioasis.Devices;
using static Ioasis.Abi.PciRegs;

namespace Ioasis.Passthrough.Vfio.Pci.Config;

/// <summary>Builds the configuration space of a function from its description.</summary>
internal sealed class PciConfigBuilder
{
    // Where the capabilities stand. A conventional function has no power management capability, like QEMU's
    // conventional devices.
    private const int ConventionalMsi = 0x40, ConventionalMsix = 0x50;
    private const int PowerManagement = 0x40, Msi = 0x50, Express = 0x60, Msix = 0xa0;

    // The first extended capability stands where the list begins, whichever it is.
    private const int Ats = PCI_CFG_SPACE_SIZE, Pri = 0x110, Pasid = 0x120, Sriov = 0x140;

    private readonly byte[] _bytes;
    private readonly byte[] _writable;
    private int _lastCapability;
    private int _lastExtended;

    private PciConfigBuilder(int size)
    {
        _bytes = new byte[size];
        _writable = new byte[size];
    }

    /// <summary>Builds it as firmware leaves it: BARs placed, memory decoding on.</summary>
    /// <param name="function">The description.</param>
    /// <param name="enabled">What the IOMMU's driver has enabled of PASID, ATS and PRI.</param>
    /// <param name="addresses">Where each of the six BARs was placed.</param>
    /// <param name="vfAddresses">Where those of the first virtual function were.</param>
    internal static PciConfig Build(
        PciFunction function, EndpointFeatures enabled, ReadOnlySpan<ulong> addresses, ReadOnlySpan<ulong> vfAddresses)
    {
        var builder = new PciConfigBuilder(function.IsExpress ? PCI_CFG_SPACE_EXP_SIZE : PCI_CFG_SPACE_SIZE);
        builder.AddHeader(function, addresses);
        var layout = new PciConfigLayout
        {
            PowerManagement = function.IsExpress ? PowerManagement : 0,
            Msi = function.MsiVectors == 0 ? 0 : function.IsExpress ? Msi : ConventionalMsi,
            Msix = function.Msix is null ? 0 : function.IsExpress ? Msix : ConventionalMsix,
            Express = function.IsExpress ? Express : 0,
            Ats = function.HasAts ? Ats : 0,
            Pri = function.PageRequests > 0 && !function.IsVirtual ? Pri : 0,
            Sriov = function.Sriov is null ? 0 : function.HasAts ? Sriov : PCI_CFG_SPACE_SIZE,
            Pasid = function.PasidBits == 0
            || function.IsVirtual ? 0 : function.HasAts ? Pasid : function.Sriov is null ? PCI_CFG_SPACE_SIZE : Sriov,
        };
        if (layout.PowerManagement != 0) builder.AddPowerManagement(layout.PowerManagement);
        if (layout.Msi != 0) builder.AddMsi(layout.Msi, function.MsiVectors);
        if (layout.Express != 0) builder.AddExpress(layout.Express, function);
        if (layout.Msix != 0) builder.AddMsix(layout.Msix, function.Msix!);
        layout = builder.AddVendor(layout, function);
        if (layout.Ats != 0) builder.AddAts(layout.Ats, enabled);
        if (layout.Pri != 0) builder.AddPri(layout.Pri, function, enabled);
        if (layout.Sriov != 0) builder.AddSriov(layout.Sriov, function.Sriov!, vfAddresses);
        if (layout.Pasid != 0) builder.AddPasid(layout.Pasid, function, enabled);
        return new PciConfig(builder._bytes, builder._writable, layout);
    }

    /// <summary>The lower bits of a BAR, which tell its kind.</summary>
    internal static uint BarFlags(Bar bar) =>
        (bar.IsPrefetchable ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0)
        | (bar.Is64Bit ? PCI_BASE_ADDRESS_MEM_TYPE_64 : PCI_BASE_ADDRESS_MEM_TYPE_32);

    private void AddHeader(PciFunction function, ReadOnlySpan<ulong> addresses)
    {
        const ushort command = PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE;
        Put16(PCI_VENDOR_ID, function.IsVirtual ? (ushort)0xffff : function.VendorId);
        Put16(PCI_DEVICE_ID, function.IsVirtual ? (ushort)0xffff : function.DeviceId);
        // it decodes what the physical function has it decode
        if (function.IsVirtual) Put16(PCI_COMMAND, 0, PCI_COMMAND_MASTER);
        else Put16(PCI_COMMAND, PCI_COMMAND_MEMORY, PCI_COMMAND_MEMORY | command);
        Put32(PCI_CLASS_REVISION, (function.ClassCode << 8) | function.Revision);
        Put8(PCI_CACHE_LINE_SIZE, 0, 0xff);
        if (!function.IsVirtual) PutBars(PCI_BASE_ADDRESS_0, function, addresses);

        Put16(PCI_SUBSYSTEM_VENDOR_ID, function.SubsystemVendorId);
        Put16(PCI_SUBSYSTEM_ID, function.SubsystemId);
        Put8(PCI_INTERRUPT_LINE, 0, 0xff);
        Put8(PCI_INTERRUPT_PIN, (byte)(function.HasInterruptPin ? 1 : 0));
    }

    private void AddPowerManagement(int at)
    {
        AddCapability(at, PCI_CAP_ID_PM);
        Put16(at + PCI_PM_PMC, 3); // version 1.2; D0 and D3hot, and the way back resets
    }

    private void AddMsi(int at, int vectors)
    {
        AddCapability(at, PCI_CAP_ID_MSI);
        ushort log2 = (ushort)int.Log2(vectors);
        Put16(at + PCI_MSI_FLAGS, (ushort)(PCI_MSI_FLAGS_64BIT | (log2 << 1)),
            PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
        Put32(at + PCI_MSI_ADDRESS_LO, 0, ~3u);
        Put32(at + PCI_MSI_ADDRESS_HI, 0, ~0u);
        Put16(at + PCI_MSI_DATA_64, 0, 0xffff);
    }

    private void AddExpress(int at, PciFunction function)
    {
        const uint slowestLink = 0x11; // 2.5 GT/s, one lane
        AddCapability(at, PCI_CAP_ID_EXP);
        Put16(at + PCI_EXP_FLAGS, 2 | (PCI_EXP_TYPE_ENDPOINT << 4));
        Put32(at + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_RBER | PCI_EXP_DEVCAP_FLR);
        Put16(at + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN | (2 << 12),
            PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE
            | PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE | PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN
            | PCI_EXP_DEVCTL_READRQ);
        Put32(at + PCI_EXP_LNKCAP, slowestLink);
        Put16(at + PCI_EXP_LNKSTA, (ushort)slowestLink);
        const uint onePrefix = 1 << 22; // of PCI_EXP_DEVCAP2_EE_PREFIX_MAX
        if (function.PasidBits > 0) Put32(at + PCI_EXP_DEVCAP2, PCI_EXP_DEVCAP2_EE_PREFIX | onePrefix);
    }

    private void AddMsix(int at, MsixLayout msix)
    {
        AddCapability(at, PCI_CAP_ID_MSIX);
        Put16(at + PCI_MSIX_FLAGS, (ushort)(msix.Vectors - 1), PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
        Put32(at + PCI_MSIX_TABLE, msix.TableOffset | (uint)msix.Bar);
        Put32(at + PCI_MSIX_PBA, msix.PendingOffset | (uint)msix.Bar);
    }

    /// <summary>
    /// Adds the vendor-specific capabilities: behind the others, or where MSI would be if the function has none.
    /// </summary>
    private PciConfigLayout AddVendor(PciConfigLayout layout, PciFunction function)
    {
        const int alignment = 4;
        int hole = function.IsExpress && layout.Msi == 0 ? Msi : Express;
        int next = layout.Msix != 0 ? layout.Msix + PCI_CAP_MSIX_SIZEOF : function.IsExpress ? Msix : ConventionalMsix;
        var places = new (int At, int Length)[function.VendorCapabilities.Count];
        int count = 0, window = 0;
        foreach (VendorCapability capability in function.VendorCapabilities)
        {
            int length = PCI_CAP_FLAGS + 1 + capability.Contents.Count;
            int room = (length + alignment - 1) & ~(alignment - 1);
            ref int place = ref hole + room <= Express ? ref hole : ref next;
            int at = place;
            place += room;
            if (place > PCI_CFG_SPACE_SIZE)
                throw new ArgumentException("The vendor-specific capabilities do not fit in configuration space.");
            AddCapability(at, PCI_CAP_ID_VNDR);
            Put8(at + PCI_CAP_FLAGS, (byte)length);
            int byteAt = at + PCI_CAP_FLAGS;
            foreach (byte content in capability.Contents) Put8(++byteAt, content);
            places[count++] = (at, length);
            if (!capability.IsBarWindow) continue;
            window = at;
            Put8(at + PciConfigLayout.WindowBar, 0, 0xff);
            Put32(at + PciConfigLayout.WindowOffset, 0, ~0u);
            Put32(at + PciConfigLayout.WindowLength, 0, ~0u);
            Put32(at + PciConfigLayout.WindowData, 0, ~0u);
        }

        return layout with { Vendor = places, Window = window };
    }

    private void AddAts(int at, EndpointFeatures enabled)
    {
        AddExtended(at, PCI_EXT_CAP_ID_ATS);
        Put16(at + PCI_ATS_CAP, PCI_ATS_CAP_PAGE_ALIGNED); // and the longest invalidate queue
        Put16(at + PCI_ATS_CTRL, enabled.Ats ? PCI_ATS_CTRL_ENABLE : (ushort)0); // smallest translation unit: 4 KiB
    }

    private void AddPri(int at, PciFunction function, EndpointFeatures enabled)
    {
        AddExtended(at, PCI_EXT_CAP_ID_PRI);
        bool isOn = enabled.PageRequests > 0;
        Put16(at + PCI_PRI_CTRL, isOn ? PCI_PRI_CTRL_ENABLE : (ushort)0);
        Put16(at + PCI_PRI_STATUS,
            (ushort)((isOn ? 0 : PCI_PRI_STATUS_STOPPED) | (function.PasidBits > 0 ? PCI_PRI_STATUS_PASID : 0)));
        Put32(at + PCI_PRI_MAX_REQ, (uint)function.PageRequests);
        Put32(at + PCI_PRI_ALLOC_REQ, (uint)enabled.PageRequests);
    }

    private void AddSriov(int at, SriovLayout sriov, ReadOnlySpan<ulong> vfAddresses)
    {
        const uint pagesOf4K = 1;
        AddExtended(at, PCI_EXT_CAP_ID_SRIOV);
        Put16(at + PCI_SRIOV_INITIAL_VF, (ushort)sriov.TotalVfs);
        Put16(at + PCI_SRIOV_TOTAL_VF, (ushort)sriov.TotalVfs);
        Put16(at + PCI_SRIOV_VF_OFFSET, sriov.FirstVfOffset);
        Put16(at + PCI_SRIOV_VF_STRIDE, sriov.VfStride);
        Put16(at + PCI_SRIOV_VF_DID, sriov.VirtualFunction.DeviceId);
        Put32(at + PCI_SRIOV_SUP_PGSIZE, pagesOf4K);
        Put32(at + PCI_SRIOV_SYS_PGSIZE, pagesOf4K);
        PutBars(at + PCI_SRIOV_BAR, sriov.VirtualFunction, vfAddresses);
    }

    private void PutBars(int at, PciFunction function, ReadOnlySpan<ulong> addresses)
    {
        foreach (Bar bar in function.Bars)
        {
            ulong address = addresses[bar.Index];
            ulong mask = ~(bar.Size - 1); // what can be written tells the size
            Put32(at + (bar.Index * 4), (uint)address | BarFlags(bar), (uint)mask);
            if (bar.Is64Bit) Put32(at + (bar.Index * 4) + 4, (uint)(address >> 32), (uint)(mask >> 32));
        }
    }

    private void AddPasid(int at, PciFunction function, EndpointFeatures enabled)
    {
        AddExtended(at, PCI_EXT_CAP_ID_PASID);
        Put16(at + PCI_PASID_CAP, (ushort)((function.PasidExecute ? PCI_PASID_CAP_EXEC : 0)
            | (function.PasidPrivileged ? PCI_PASID_CAP_PRIV : 0) | (function.PasidBits << 8)));
        Put16(at + PCI_PASID_CTRL, (ushort)((enabled.PasidBits > 0 ? PCI_PASID_CTRL_ENABLE : 0)
            | (enabled.PasidExecute ? PCI_PASID_CTRL_EXEC : 0) | (enabled.PasidPrivileged ? PCI_PASID_CTRL_PRIV : 0)));
    }

    private void AddExtended(int at, ushort id)
    {
        Put32(at, id | (1u << 16)); // version 1
        if (_lastExtended != 0)
            BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(_lastExtended + 2), (ushort)(1 | (at << 4)));
        _lastExtended = at;
    }

    private void AddCapability(int at, byte id)
    {
        Put8(at, id);
        Put8(_lastCapability == 0 ? PCI_CAPABILITY_LIST : _lastCapability + PCI_CAP_LIST_NEXT, (byte)at);
        Put16(PCI_STATUS, PCI_STATUS_CAP_LIST);
        _lastCapability = at;
    }

    private void Put8(int at, byte value, byte writable = 0)
    {
        _bytes[at] = value;
        _writable[at] = writable;
    }

    private void Put16(int at, ushort value, ushort writable = 0)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(at), value);
        BinaryPrimitives.WriteUInt16LittleEndian(_writable.AsSpan(at), writable);
    }

    private void Put32(int at, uint value, uint writable = 0)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(at), value);
        BinaryPrimitives.WriteUInt32LittleEndian(_writable.AsSpan(at), writable);
    }
}
