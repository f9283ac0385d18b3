namespace Ioasis.Abi;

public static partial class PciRegs
{
    /// <summary>Offset in PCI Express, 16 bits: capabilities.</summary>
    public const int PCI_EXP_FLAGS = 0x02;
    /// <summary>PCI Express capabilities: version.</summary>
    public const ushort PCI_EXP_FLAGS_VERS = 0x000f;
    /// <summary>PCI Express capabilities: mask of the device type, PCI_EXP_TYPE_* shifted left by 4.</summary>
    public const ushort PCI_EXP_FLAGS_TYPE = 0x00f0;
    /// <summary>Device type: endpoint.</summary>
    public const ushort PCI_EXP_TYPE_ENDPOINT = 0x0;
    /// <summary>Device type: legacy endpoint.</summary>
    public const ushort PCI_EXP_TYPE_LEG_END = 0x1;
    /// <summary>Device type: root port.</summary>
    public const ushort PCI_EXP_TYPE_ROOT_PORT = 0x4;
    /// <summary>Device type: upstream port of a switch.</summary>
    public const ushort PCI_EXP_TYPE_UPSTREAM = 0x5;
    /// <summary>Device type: downstream port of a switch.</summary>
    public const ushort PCI_EXP_TYPE_DOWNSTREAM = 0x6;
    /// <summary>Device type: bridge from PCI Express to PCI.</summary>
    public const ushort PCI_EXP_TYPE_PCI_BRIDGE = 0x7;
    /// <summary>Device type: bridge from PCI to PCI Express.</summary>
    public const ushort PCI_EXP_TYPE_PCIE_BRIDGE = 0x8;
    /// <summary>Device type: endpoint integrated in the root complex.</summary>
    public const ushort PCI_EXP_TYPE_RC_END = 0x9;
    /// <summary>Device type: event collector of the root complex.</summary>
    public const ushort PCI_EXP_TYPE_RC_EC = 0xa;
    /// <summary>PCI Express capabilities: the port has a slot.</summary>
    public const ushort PCI_EXP_FLAGS_SLOT = 0x0100;
    /// <summary>PCI Express capabilities: number of its interrupt message.</summary>
    public const ushort PCI_EXP_FLAGS_IRQ = 0x3e00;

    /// <summary>Offset in PCI Express, 32 bits: device capabilities.</summary>
    public const int PCI_EXP_DEVCAP = 0x04;
    /// <summary>Device capabilities: largest payload supported; n stands for 128 bytes shifted left by n.</summary>
    public const uint PCI_EXP_DEVCAP_PAYLOAD = 0x00000007;
    /// <summary>Device capabilities: phantom functions.</summary>
    public const uint PCI_EXP_DEVCAP_PHANTOM = 0x00000018;
    /// <summary>Device capabilities: 8-bit tags.</summary>
    public const uint PCI_EXP_DEVCAP_EXT_TAG = 0x00000020;
    /// <summary>Device capabilities: acceptable latency of L0s.</summary>
    public const uint PCI_EXP_DEVCAP_L0S = 0x000001c0;
    /// <summary>Device capabilities: acceptable latency of L1.</summary>
    public const uint PCI_EXP_DEVCAP_L1 = 0x00000e00;
    /// <summary>Device capabilities: role-based error reporting.</summary>
    public const uint PCI_EXP_DEVCAP_RBER = 0x00008000;
    /// <summary>Device capabilities: slot power limit, value.</summary>
    public const uint PCI_EXP_DEVCAP_PWR_VAL = 0x03fc0000;
    /// <summary>Device capabilities: slot power limit, scale.</summary>
    public const uint PCI_EXP_DEVCAP_PWR_SCL = 0x0c000000;
    /// <summary>Device capabilities: function-level reset.</summary>
    public const uint PCI_EXP_DEVCAP_FLR = 0x10000000;

    /// <summary>Offset in PCI Express, 16 bits: device control.</summary>
    public const int PCI_EXP_DEVCTL = 0x08;
    /// <summary>Device control: report correctable errors.</summary>
    public const ushort PCI_EXP_DEVCTL_CERE = 0x0001;
    /// <summary>Device control: report non-fatal errors.</summary>
    public const ushort PCI_EXP_DEVCTL_NFERE = 0x0002;
    /// <summary>Device control: report fatal errors.</summary>
    public const ushort PCI_EXP_DEVCTL_FERE = 0x0004;
    /// <summary>Device control: report unsupported requests.</summary>
    public const ushort PCI_EXP_DEVCTL_URRE = 0x0008;
    /// <summary>Device control: relaxed ordering.</summary>
    public const ushort PCI_EXP_DEVCTL_RELAX_EN = 0x0010;
    /// <summary>Device control: largest payload in use; n stands for 128 bytes shifted left by n.</summary>
    public const ushort PCI_EXP_DEVCTL_PAYLOAD = 0x00e0;
    /// <summary>Device control: 8-bit tags.</summary>
    public const ushort PCI_EXP_DEVCTL_EXT_TAG = 0x0100;
    /// <summary>Device control: phantom functions.</summary>
    public const ushort PCI_EXP_DEVCTL_PHANTOM = 0x0200;
    /// <summary>Device control: auxiliary power.</summary>
    public const ushort PCI_EXP_DEVCTL_AUX_PME = 0x0400;
    /// <summary>Device control: the function may set No Snoop.</summary>
    public const ushort PCI_EXP_DEVCTL_NOSNOOP_EN = 0x0800;
    /// <summary>Device control: largest read request; n stands for 128 bytes shifted left by n.</summary>
    public const ushort PCI_EXP_DEVCTL_READRQ = 0x7000;
    /// <summary>Device control of an endpoint: function-level reset now; reads 0.</summary>
    public const ushort PCI_EXP_DEVCTL_BCR_FLR = 0x8000;

    /// <summary>Offset in PCI Express, 16 bits: device status.</summary>
    public const int PCI_EXP_DEVSTA = 0x0a;
    /// <summary>Device status, write 1 to clear: correctable error.</summary>
    public const ushort PCI_EXP_DEVSTA_CED = 0x0001;
    /// <summary>Device status, write 1 to clear: non-fatal error.</summary>
    public const ushort PCI_EXP_DEVSTA_NFED = 0x0002;
    /// <summary>Device status, write 1 to clear: fatal error.</summary>
    public const ushort PCI_EXP_DEVSTA_FED = 0x0004;
    /// <summary>Device status, write 1 to clear: unsupported request.</summary>
    public const ushort PCI_EXP_DEVSTA_URD = 0x0008;
    /// <summary>Device status: auxiliary power.</summary>
    public const ushort PCI_EXP_DEVSTA_AUXPD = 0x0010;
    /// <summary>Device status: transactions are pending.</summary>
    public const ushort PCI_EXP_DEVSTA_TRPND = 0x0020;

    /// <summary>Offset in PCI Express, 32 bits: link capabilities.</summary>
    public const int PCI_EXP_LNKCAP = 0x0c;
    /// <summary>Link capabilities: highest speed.</summary>
    public const uint PCI_EXP_LNKCAP_SLS = 0x0000000f;
    /// <summary>Link capabilities: largest width.</summary>
    public const uint PCI_EXP_LNKCAP_MLW = 0x000003f0;
    /// <summary>Offset in PCI Express, 16 bits: link control.</summary>
    public const int PCI_EXP_LNKCTL = 0x10;
    /// <summary>Offset in PCI Express, 16 bits: link status.</summary>
    public const int PCI_EXP_LNKSTA = 0x12;
    /// <summary>Link status: speed.</summary>
    public const ushort PCI_EXP_LNKSTA_CLS = 0x000f;
    /// <summary>Link status: width.</summary>
    public const ushort PCI_EXP_LNKSTA_NLW = 0x03f0;
    /// <summary>Offset in PCI Express, 32 bits: slot capabilities.</summary>
    public const int PCI_EXP_SLTCAP = 0x14;
    /// <summary>Offset in PCI Express, 16 bits: slot control.</summary>
    public const int PCI_EXP_SLTCTL = 0x18;
    /// <summary>Offset in PCI Express, 16 bits: slot status.</summary>
    public const int PCI_EXP_SLTSTA = 0x1a;
    /// <summary>Offset in PCI Express, 16 bits: root control.</summary>
    public const int PCI_EXP_RTCTL = 0x1c;
    /// <summary>Offset in PCI Express, 16 bits: root capabilities.</summary>
    public const int PCI_EXP_RTCAP = 0x1e;
    /// <summary>Offset in PCI Express, 32 bits: root status.</summary>
    public const int PCI_EXP_RTSTA = 0x20;

    /// <summary>Offset in PCI Express, 32 bits: device capabilities 2.</summary>
    public const int PCI_EXP_DEVCAP2 = 0x24;
    /// <summary>Device capabilities 2: the completion timeout can be disabled.</summary>
    public const uint PCI_EXP_DEVCAP2_COMP_TMOUT_DIS = 0x00000010;
    /// <summary>Device capabilities 2: forwards ARI.</summary>
    public const uint PCI_EXP_DEVCAP2_ARI = 0x00000020;
    /// <summary>Device capabilities 2: routes AtomicOps.</summary>
    public const uint PCI_EXP_DEVCAP2_ATOMIC_ROUTE = 0x00000040;
    /// <summary>Device capabilities 2: completes 32-bit AtomicOps.</summary>
    public const uint PCI_EXP_DEVCAP2_ATOMIC_COMP32 = 0x00000080;
    /// <summary>Device capabilities 2: completes 64-bit AtomicOps.</summary>
    public const uint PCI_EXP_DEVCAP2_ATOMIC_COMP64 = 0x00000100;
    /// <summary>Device capabilities 2: completes 128-bit compare-and-swap.</summary>
    public const uint PCI_EXP_DEVCAP2_ATOMIC_COMP128 = 0x00000200;
    /// <summary>Device capabilities 2: reports latency tolerance.</summary>
    public const uint PCI_EXP_DEVCAP2_LTR = 0x00000800;
    /// <summary>Device capabilities 2: TLPs with end-to-end prefixes; PASID requires them.</summary>
    public const uint PCI_EXP_DEVCAP2_EE_PREFIX = 0x00200000;
    /// <summary>Device capabilities 2: the most prefixes; 0 stands for 4.</summary>
    public const uint PCI_EXP_DEVCAP2_EE_PREFIX_MAX = 0x00c00000;
    /// <summary>Offset in PCI Express, 16 bits: device control 2.</summary>
    public const int PCI_EXP_DEVCTL2 = 0x28;
    /// <summary>Device control 2: completion timeout.</summary>
    public const ushort PCI_EXP_DEVCTL2_COMP_TIMEOUT = 0x000f;
    /// <summary>Device control 2: no completion timeout.</summary>
    public const ushort PCI_EXP_DEVCTL2_COMP_TMOUT_DIS = 0x0010;
    /// <summary>Device control 2: forward ARI.</summary>
    public const ushort PCI_EXP_DEVCTL2_ARI = 0x0020;
    /// <summary>Device control 2: AtomicOp requests are enabled.</summary>
    public const ushort PCI_EXP_DEVCTL2_ATOMIC_REQ = 0x0040;
    /// <summary>Device control 2: report latency tolerance.</summary>
    public const ushort PCI_EXP_DEVCTL2_LTR_EN = 0x0400;
    /// <summary>Offset in PCI Express, 16 bits: device status 2.</summary>
    public const int PCI_EXP_DEVSTA2 = 0x2a;
    /// <summary>Offset in PCI Express, 32 bits: link capabilities 2.</summary>
    public const int PCI_EXP_LNKCAP2 = 0x2c;
    /// <summary>Offset in PCI Express, 16 bits: link control 2.</summary>
    public const int PCI_EXP_LNKCTL2 = 0x30;
    /// <summary>Offset in PCI Express, 16 bits: link status 2.</summary>
    public const int PCI_EXP_LNKSTA2 = 0x32;
    /// <summary>Bytes of PCI Express, version 2, on an endpoint with a link.</summary>
    public const int PCI_CAP_EXP_ENDPOINT_SIZEOF_V2 = 0x34;
    /// <summary>Bytes of PCI Express, version 2, on an endpoint without a link.</summary>
    public const int PCI_CAP_EXP_RC_ENDPOINT_SIZEOF_V2 = 0x2c;
    /// <summary>Offset in PCI Express, 32 bits: slot capabilities 2.</summary>
    public const int PCI_EXP_SLTCAP2 = 0x34;
    /// <summary>Offset in PCI Express, 16 bits: slot control 2.</summary>
    public const int PCI_EXP_SLTCTL2 = 0x38;
    /// <summary>Offset in PCI Express, 16 bits: slot status 2.</summary>
    public const int PCI_EXP_SLTSTA2 = 0x3a;
}
