namespace Ioasis.Devices;

/// <summary>A PCI function, as its configuration space describes it (PCI Local Bus 3.0, chapter 6).</summary>
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
    /// Class, subclass and programming interface in 24 bits, as in sysfs's <c>class</c>: 0x010802 is NVMe.
    /// </summary>
    public required uint ClassCode { get; init; }

    /// <summary>The BARs, at most six. A 64-bit BAR takes two indexes.</summary>
    public IReadOnlyList<Bar> Bars { get; init; } = [];

    /// <summary>Whether the function has an INTx pin (always pin A).</summary>
    public bool HasInterruptPin { get; init; }

    /// <summary>MSI vectors: 0 for no MSI capability, else a power of two up to 32.</summary>
    public int MsiVectors { get; init; }

    /// <summary>Number of MSI-X vectors and location of their table; null for no MSI-X capability.</summary>
    public MsixLayout? Msix { get; init; }

    /// <summary>Its vendor-specific capabilities, in their order.</summary>
    public IReadOnlyList<VendorCapability> VendorCapabilities { get; init; } = [];

    /// <summary>
    /// Whether the function is a PCI Express endpoint. It then has that capability, extended configuration space, and
    /// FLR.
    /// </summary>
    public bool IsExpress { get; init; } = true;

    /// <summary>
    /// Number of PASID bits in its requests, up to 20; 0 for no PASID capability. Only a PCI Express endpoint can have
    /// it.
    /// </summary>
    public int PasidBits { get; init; }

    /// <summary>Whether its requests with a PASID can request execute permission.</summary>
    public bool PasidExecute { get; init; }

    /// <summary>Whether its requests with a PASID can be privileged.</summary>
    public bool PasidPrivileged { get; init; }

    /// <summary>Whether it can request translations and cache them (ATS). Only a PCI Express endpoint can.</summary>
    public bool HasAts { get; init; }

    /// <summary>
    /// Number of page requests that it can have outstanding (PRI); 0 for no such capability. Requires ATS.
    /// </summary>
    public int PageRequests { get; init; }

    /// <summary>
    /// Its virtual functions (SR-IOV); null for no such capability. Only a PCI Express endpoint can have it.
    /// </summary>
    public SriovLayout? Sriov { get; init; }

    /// <summary>
    /// Whether it is a virtual function. The physical function's capabilities enable its PASIDs and page requests, so
    /// it shows none of its own. Nor has it registers for its IDs and BARs (SR-IOV 1.1, 3.4.1).
    /// </summary>
    public bool IsVirtual { get; init; }
}

/// <summary>The virtual functions of a physical function (SR-IOV 1.1, 3.3).</summary>
/// <param name="TotalVfs">The most virtual functions.</param>
/// <param name="VirtualFunction">Describes each of them.</param>
public sealed record SriovLayout(int TotalVfs, PciFunction VirtualFunction)
{
    /// <summary>
    /// Routing ID of the first virtual function minus the physical function's. The default is half a bus, where no
    /// neighbour is.
    /// </summary>
    public ushort FirstVfOffset { get; init; } = 0x80;

    /// <summary>Distance between routing IDs of virtual functions.</summary>
    public ushort VfStride { get; init; } = 1;
}

/// <summary>A vendor-specific capability (PCI Local Bus 3.0, appendix H).</summary>
/// <param name="Contents">Its bytes after the ID, the next capability and the length.</param>
public sealed record VendorCapability(IReadOnlyList<byte> Contents)
{
    /// <summary>
    /// Whether it is a window to the BARs, as virtio has one (virtio 1.3, 4.1.4.9): a driver writes a BAR's index at
    /// byte 4 of the capability, an offset at 8 and a length at 12, and then accesses those bytes at 16.
    /// </summary>
    public bool IsBarWindow { get; init; }
}

/// <summary>The MSI-X structures of a function. The host owns their bytes; the model never touches them.</summary>
/// <param name="Vectors">Number of vectors, 1 to 2048.</param>
/// <param name="Bar">Index of the BAR with both structures.</param>
/// <param name="TableOffset">Byte offset of the table in that BAR, 16 bytes per vector; a multiple of 8.</param>
/// <param name="PendingOffset">Byte offset of the pending bits; a multiple of 8.</param>
public sealed record MsixLayout(int Vectors, int Bar, uint TableOffset, uint PendingOffset);
