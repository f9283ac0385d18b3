namespace Ioasis.Abi;

public static partial class PciRegs
{
    /// <summary>Extended capability ID: advanced error reporting.</summary>
    public const ushort PCI_EXT_CAP_ID_ERR = 0x01;
    /// <summary>Extended capability ID: virtual channels.</summary>
    public const ushort PCI_EXT_CAP_ID_VC = 0x02;
    /// <summary>Extended capability ID: serial number.</summary>
    public const ushort PCI_EXT_CAP_ID_DSN = 0x03;
    /// <summary>Extended capability ID: vendor-specific.</summary>
    public const ushort PCI_EXT_CAP_ID_VNDR = 0x0B;
    /// <summary>Extended capability ID: access control services.</summary>
    public const ushort PCI_EXT_CAP_ID_ACS = 0x0D;
    /// <summary>Extended capability ID: alternative routing ID.</summary>
    public const ushort PCI_EXT_CAP_ID_ARI = 0x0E;
    /// <summary>Extended capability ID: address translation services.</summary>
    public const ushort PCI_EXT_CAP_ID_ATS = 0x0F;
    /// <summary>Extended capability ID: single root I/O virtualization.</summary>
    public const ushort PCI_EXT_CAP_ID_SRIOV = 0x10;
    /// <summary>Extended capability ID: page request interface.</summary>
    public const ushort PCI_EXT_CAP_ID_PRI = 0x13;
    /// <summary>Extended capability ID: resizable BARs.</summary>
    public const ushort PCI_EXT_CAP_ID_REBAR = 0x15;
    /// <summary>Extended capability ID: processing hints.</summary>
    public const ushort PCI_EXT_CAP_ID_TPH = 0x17;
    /// <summary>Extended capability ID: latency tolerance reporting.</summary>
    public const ushort PCI_EXT_CAP_ID_LTR = 0x18;
    /// <summary>Extended capability ID: PASID.</summary>
    public const ushort PCI_EXT_CAP_ID_PASID = 0x1B;
    /// <summary>Extended capability ID: downstream port containment.</summary>
    public const ushort PCI_EXT_CAP_ID_DPC = 0x1D;
    /// <summary>Extended capability ID: L1 substates.</summary>
    public const ushort PCI_EXT_CAP_ID_L1SS = 0x1E;
    /// <summary>Extended capability ID: precision time measurement.</summary>
    public const ushort PCI_EXT_CAP_ID_PTM = 0x1F;
    /// <summary>Extended capability ID: designated vendor-specific.</summary>
    public const ushort PCI_EXT_CAP_ID_DVSEC = 0x23;
    /// <summary>Extended capability ID: resizable BARs of virtual functions.</summary>
    public const ushort PCI_EXT_CAP_ID_VF_REBAR = 0x24;
    /// <summary>Extended capability ID: data object exchange.</summary>
    public const ushort PCI_EXT_CAP_ID_DOE = 0x2E;
    /// <summary>The highest extended capability ID.</summary>
    public const ushort PCI_EXT_CAP_ID_MAX = 0x31;
    /// <summary>Bytes of the serial number's capability.</summary>
    public const int PCI_EXT_CAP_DSN_SIZEOF = 12;

    /// <summary>Offset in ARI, 16 bits: capabilities; the next function's number in the upper 8.</summary>
    public const int PCI_ARI_CAP = 0x04;
    /// <summary>Offset in ARI, 16 bits: control.</summary>
    public const int PCI_ARI_CTRL = 0x06;
    /// <summary>Bytes of ARI.</summary>
    public const int PCI_EXT_CAP_ARI_SIZEOF = 8;

    /// <summary>Offset in ATS, 16 bits: capabilities.</summary>
    public const int PCI_ATS_CAP = 0x04;
    /// <summary>Depth of the largest invalidate queue; the depth field is then 0.</summary>
    public const int PCI_ATS_MAX_QDEP = 32;
    /// <summary>ATS capabilities: untranslated addresses are page-aligned.</summary>
    public const ushort PCI_ATS_CAP_PAGE_ALIGNED = 0x0020;
    /// <summary>Offset in ATS, 16 bits: control.</summary>
    public const int PCI_ATS_CTRL = 0x06;
    /// <summary>ATS control: enabled.</summary>
    public const ushort PCI_ATS_CTRL_ENABLE = 0x8000;
    /// <summary>log2 of the smallest translation unit in bytes, which the field STU is relative to.</summary>
    public const int PCI_ATS_MIN_STU = 12;
    /// <summary>Bytes of ATS.</summary>
    public const int PCI_EXT_CAP_ATS_SIZEOF = 8;

    /// <summary>Offset in PRI, 16 bits: control.</summary>
    public const int PCI_PRI_CTRL = 0x04;
    /// <summary>PRI control: enabled.</summary>
    public const ushort PCI_PRI_CTRL_ENABLE = 0x0001;
    /// <summary>PRI control: drop outstanding requests; reads 0.</summary>
    public const ushort PCI_PRI_CTRL_RESET = 0x0002;
    /// <summary>Offset in PRI, 16 bits: status.</summary>
    public const int PCI_PRI_STATUS = 0x06;
    /// <summary>PRI status, write 1 to clear: a response reported failure.</summary>
    public const ushort PCI_PRI_STATUS_RF = 0x0001;
    /// <summary>PRI status, write 1 to clear: a response named no outstanding group.</summary>
    public const ushort PCI_PRI_STATUS_UPRGI = 0x0002;
    /// <summary>PRI status: no request is outstanding.</summary>
    public const ushort PCI_PRI_STATUS_STOPPED = 0x0100;
    /// <summary>PRI status: responses must carry the PASID.</summary>
    public const ushort PCI_PRI_STATUS_PASID = 0x8000;
    /// <summary>Offset in PRI, 32 bits: outstanding requests that the function supports.</summary>
    public const int PCI_PRI_MAX_REQ = 0x08;
    /// <summary>Offset in PRI, 32 bits: outstanding requests that are allowed.</summary>
    public const int PCI_PRI_ALLOC_REQ = 0x0c;
    /// <summary>Bytes of PRI.</summary>
    public const int PCI_EXT_CAP_PRI_SIZEOF = 16;

    /// <summary>Offset in PASID, 16 bits: capabilities.</summary>
    public const int PCI_PASID_CAP = 0x04;
    /// <summary>PASID capabilities: execute requests.</summary>
    public const ushort PCI_PASID_CAP_EXEC = 0x0002;
    /// <summary>PASID capabilities: privileged requests.</summary>
    public const ushort PCI_PASID_CAP_PRIV = 0x0004;
    /// <summary>PASID capabilities: mask of the width of a PASID in bits.</summary>
    public const ushort PCI_PASID_CAP_WIDTH = 0x1f00;
    /// <summary>Offset in PASID, 16 bits: control.</summary>
    public const int PCI_PASID_CTRL = 0x06;
    /// <summary>PASID control: enabled.</summary>
    public const ushort PCI_PASID_CTRL_ENABLE = 0x0001;
    /// <summary>PASID control: execute requests are enabled.</summary>
    public const ushort PCI_PASID_CTRL_EXEC = 0x0002;
    /// <summary>PASID control: privileged requests are enabled.</summary>
    public const ushort PCI_PASID_CTRL_PRIV = 0x0004;
    /// <summary>Bytes of PASID.</summary>
    public const int PCI_EXT_CAP_PASID_SIZEOF = 8;

    /// <summary>Offset in SR-IOV, 32 bits: capabilities.</summary>
    public const int PCI_SRIOV_CAP = 0x04;
    /// <summary>SR-IOV capabilities: migration of virtual functions.</summary>
    public const uint PCI_SRIOV_CAP_VFM = 0x00000001;
    /// <summary>Offset in SR-IOV, 16 bits: control.</summary>
    public const int PCI_SRIOV_CTRL = 0x08;
    /// <summary>SR-IOV control: virtual functions are enabled.</summary>
    public const ushort PCI_SRIOV_CTRL_VFE = 0x0001;
    /// <summary>SR-IOV control: migration is enabled.</summary>
    public const ushort PCI_SRIOV_CTRL_VFM = 0x0002;
    /// <summary>SR-IOV control: the migration interrupt is enabled.</summary>
    public const ushort PCI_SRIOV_CTRL_INTR = 0x0004;
    /// <summary>SR-IOV control: memory BARs of the virtual functions are enabled.</summary>
    public const ushort PCI_SRIOV_CTRL_MSE = 0x0008;
    /// <summary>SR-IOV control: virtual functions may have function numbers above 7 (ARI).</summary>
    public const ushort PCI_SRIOV_CTRL_ARI = 0x0010;
    /// <summary>Offset in SR-IOV, 16 bits: status.</summary>
    public const int PCI_SRIOV_STATUS = 0x0a;
    /// <summary>Offset in SR-IOV, 16 bits: initial number of virtual functions.</summary>
    public const int PCI_SRIOV_INITIAL_VF = 0x0c;
    /// <summary>Offset in SR-IOV, 16 bits: total number of virtual functions.</summary>
    public const int PCI_SRIOV_TOTAL_VF = 0x0e;
    /// <summary>Offset in SR-IOV, 16 bits: number of virtual functions to enable.</summary>
    public const int PCI_SRIOV_NUM_VF = 0x10;
    /// <summary>Offset in SR-IOV, 8 bits: function dependency link.</summary>
    public const int PCI_SRIOV_FUNC_LINK = 0x12;
    /// <summary>Offset in SR-IOV, 16 bits: RID of the first virtual function minus this function's.</summary>
    public const int PCI_SRIOV_VF_OFFSET = 0x14;
    /// <summary>Offset in SR-IOV, 16 bits: distance between RIDs of virtual functions.</summary>
    public const int PCI_SRIOV_VF_STRIDE = 0x16;
    /// <summary>Offset in SR-IOV, 16 bits: device ID of virtual functions.</summary>
    public const int PCI_SRIOV_VF_DID = 0x1a;
    /// <summary>
    /// Offset in SR-IOV, 32 bits: supported page sizes; bit n stands for 4096 bytes shifted left by n.
    /// </summary>
    public const int PCI_SRIOV_SUP_PGSIZE = 0x1c;
    /// <summary>Offset in SR-IOV, 32 bits: the page size in use.</summary>
    public const int PCI_SRIOV_SYS_PGSIZE = 0x20;
    /// <summary>Offset in SR-IOV, 32 bits: BAR 0 of the virtual functions.</summary>
    public const int PCI_SRIOV_BAR = 0x24;
    /// <summary>BARs of a virtual function.</summary>
    public const int PCI_SRIOV_NUM_BARS = 6;
    /// <summary>Offset in SR-IOV, 32 bits: array of migration states.</summary>
    public const int PCI_SRIOV_VFM = 0x3c;
    /// <summary>Bytes of SR-IOV.</summary>
    public const int PCI_EXT_CAP_SRIOV_SIZEOF = 0x40;

    /// <summary>Offset in ACS, 16 bits: capabilities.</summary>
    public const int PCI_ACS_CAP = 0x04;
    /// <summary>ACS: source validation.</summary>
    public const ushort PCI_ACS_SV = 0x0001;
    /// <summary>ACS: translation blocking.</summary>
    public const ushort PCI_ACS_TB = 0x0002;
    /// <summary>ACS: peer-to-peer requests are redirected upstream.</summary>
    public const ushort PCI_ACS_RR = 0x0004;
    /// <summary>ACS: peer-to-peer completions are redirected upstream.</summary>
    public const ushort PCI_ACS_CR = 0x0008;
    /// <summary>ACS: upstream forwarding.</summary>
    public const ushort PCI_ACS_UF = 0x0010;
    /// <summary>ACS: peer-to-peer egress control.</summary>
    public const ushort PCI_ACS_EC = 0x0020;
    /// <summary>ACS: translated peer-to-peer requests are routed directly.</summary>
    public const ushort PCI_ACS_DT = 0x0040;
    /// <summary>Offset in ACS, 16 bits: control.</summary>
    public const int PCI_ACS_CTRL = 0x06;

    /// <summary>Offset in DVSEC, 32 bits: vendor, revision, length in bytes.</summary>
    public const int PCI_DVSEC_HEADER1 = 0x4;
    /// <summary>Offset in DVSEC, 16 bits: ID that the vendor gave.</summary>
    public const int PCI_DVSEC_HEADER2 = 0x8;
    /// <summary>Offset in the extended vendor-specific capability, 32 bits: ID, revision, length in bytes.</summary>
    public const int PCI_VNDR_HEADER = 4;
}
