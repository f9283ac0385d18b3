namespace Ioasis.Devices;

/// <summary>What a PCI function is, as its configuration space tells (PCI Local Bus 3.0, chapter 6).</summary>
public sealed record PciFunction
{
    /// <summary>Vendor ID.</summary>
    public required ushort VendorId { get; init; }

    /// <summary>Device ID.</summary>
    public required ushort DeviceId { get; init; }

    /// <summary>Subsystem vendor ID; 0 for none.</summary>
    public ushort SubsystemVendorId { get; init; }

    /// <summary>Subsystem ID; 0 for none.</summary>
    public ushort SubsystemId { get; init; }

    /// <summary>Revision.</summary>
    public byte Revision { get; init; }

    /// <summary>
    /// Class, subclass and programming interface in 24 bits, as sysfs's <c>class</c> has it: 0x010802 is NVMe.
    /// </summary>
    public required uint ClassCode { get; init; }

    /// <summary>The BARs, at most six, a 64-bit one taking two indexes.</summary>
    public IReadOnlyList<Bar> Bars { get; init; } = [];

    /// <summary>Whether the function has an INTx pin (always pin A).</summary>
    public bool HasInterruptPin { get; init; }

    /// <summary>MSI vectors: 0 for no MSI capability, else a power of two up to 32.</summary>
    public int MsiVectors { get; init; }

    /// <summary>MSI-X vectors and where their table is; null for no MSI-X capability.</summary>
    public MsixLayout? Msix { get; init; }

    /// <summary>
    /// Whether it is a PCI Express endpoint (it then has that capability, extended configuration space, and FLR).
    /// </summary>
    public bool IsExpress { get; init; } = true;

    /// <summary>
    /// How many PASID bits its requests can carry, up to 20; 0 for no PASID capability, which only a PCI Express
    /// endpoint can have.
    /// </summary>
    public int PasidBits { get; init; }

    /// <summary>Whether its requests with a PASID can ask for execute permission.</summary>
    public bool PasidExecute { get; init; }

    /// <summary>Whether its requests with a PASID can be privileged ones.</summary>
    public bool PasidPrivileged { get; init; }

    /// <summary>
    /// Whether it can ask for translations and keep them (ATS), which only a PCI Express endpoint can.
    /// </summary>
    public bool HasAts { get; init; }

    /// <summary>
    /// How many page requests it can have unanswered (PRI), which needs ATS; 0 for no such capability.
    /// </summary>
    public int PageRequests { get; init; }

    /// <summary>
    /// The virtual functions that it can have (SR-IOV), which only a PCI Express endpoint can; null for no such
    /// capability.
    /// </summary>
    public SriovLayout? Sriov { get; init; }

    /// <summary>
    /// Whether it is a virtual function. Its PASIDs and page requests are enabled by the capabilities of the physical
    /// one, so that it shows none of its own; its IDs and BARs stand in no register of its own either (SR-IOV 1.1,
    /// 3.4.1).
    /// </summary>
    public bool IsVirtual { get; init; }
}

/// <summary>The virtual functions of a physical one (SR-IOV 1.1, 3.3).</summary>
/// <param name="TotalVfs">How many there can be.</param>
/// <param name="VirtualFunction">What each of them is.</param>
public sealed record SriovLayout(int TotalVfs, PciFunction VirtualFunction)
{
    /// <summary>
    /// From the physical function's routing ID to that of the first virtual one: half a bus further, where its
    /// neighbours are none.
    /// </summary>
    public ushort FirstVfOffset { get; init; } = 0x80;

    /// <summary>From one virtual function's routing ID to the next one's.</summary>
    public ushort VfStride { get; init; } = 1;
}

/// <summary>The MSI-X structures of a function. The host owns their bytes; a model never touches them.</summary>
/// <param name="Vectors">1 to 2048.</param>
/// <param name="Bar">Index of the BAR that has both structures.</param>
/// <param name="TableOffset">Byte offset of the table in that BAR, 16 bytes a vector; a multiple of 8.</param>
/// <param name="PendingOffset">Byte offset of the pending bits; a multiple of 8.</param>
public sealed record MsixLayout(int Vectors, int Bar, uint TableOffset, uint PendingOffset);
