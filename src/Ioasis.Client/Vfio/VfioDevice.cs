using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Client;

/// <summary>
/// An open VFIO device node. A program binds it to a context once, attaches it to a page table, and then drives it
/// through its regions and interrupts. Closing it stops its DMA, detaches and releases it.
/// </summary>
public sealed class VfioDevice : NodeClient, IBoundDevice
{
    private const int TokenSize = 16;

    private VfioDevice(NodeTransport nodes, NodeHandle handle) : base(nodes, handle)
    {
    }

    /// <summary>Opens the node of a PCI function, found through sysfs.</summary>
    /// <exception cref="IommuException">There is no such function, no VFIO driver is bound to it, or its node cannot be
    /// opened.</exception>
    public static VfioDevice Open(NodeTransport nodes, RequesterId requester) =>
        Open(nodes, VfioNode.Of(nodes, requester).Path);

    /// <summary>Opens a node by its path.</summary>
    /// <exception cref="IommuException">It cannot be opened.</exception>
    public static VfioDevice Open(NodeTransport nodes, string path)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        return new VfioDevice(nodes, nodes.Open(path));
    }

    internal static VfioDevice Adopt(NodeTransport nodes, int descriptor, string name) =>
        new(nodes, nodes.Adopt(descriptor, name));

    /// <inheritdoc/>
    public uint Id { get; private set; }

    /// <summary>
    /// Binds the device to a context (VFIO_DEVICE_BIND_IOMMUFD). Before that, all other calls fail with EINVAL.
    /// </summary>
    /// <param name="context">The context.</param>
    /// <param name="token">For a virtual function, the token of its physical function. For a physical function with
    /// virtual ones, the token to set, or the current one.</param>
    /// <exception cref="IommuException">EINVAL if it is bound already or the device takes no token, EACCES for a wrong
    /// token, EBUSY if another program owns the group, EBADFD if the context is not an iommufd.</exception>
    public void Bind(IommuContext context, Guid? token = null)
    {
        ArgumentNullException.ThrowIfNull(context);
        UserMemory buffer = Nodes.Rent(TokenSize);
        if (token is { } value) buffer.CopyFrom(0, value.ToByteArray(bigEndian: true));
        var arguments = new VfioDeviceBindIommufd
        {
            Argsz = SizeOf<VfioDeviceBindIommufd>(),
            Flags = token is null ? 0 : VfioH.VFIO_DEVICE_BIND_FLAG_TOKEN,
            Iommufd = context.Handle.Descriptor,
            TokenUuidPtr = token is null ? 0 : buffer.Address.Value,
        };
        SysResult result = TryIoctl(VfioH.VFIO_DEVICE_BIND_IOMMUFD, ref arguments);
        Nodes.Return(buffer);
        if (!result.IsOk)
            throw new IommuException(result, $"bind of {Handle.Path} to iommufd {context.Handle.Descriptor}");
        Id = arguments.OutDevid;
    }

    /// <summary>
    /// Sets the token that programs must present to use the device's virtual functions
    /// (VFIO_DEVICE_FEATURE_PCI_VF_TOKEN). It cannot be read back.
    /// </summary>
    /// <exception cref="IommuException">ENOTTY if the device cannot have virtual functions.</exception>
    public void SetVfToken(Guid token)
    {
        var feature = new VfioDeviceFeature
        {
            Argsz = SizeOf<VfioDeviceFeature>() + TokenSize,
            Flags = VfioH.VFIO_DEVICE_FEATURE_SET | VfioH.VFIO_DEVICE_FEATURE_PCI_VF_TOKEN
        };
        SysResult result = TryIoctl(VfioH.VFIO_DEVICE_FEATURE, [.. MemoryMarshal.AsBytes(
                new ReadOnlySpan<VfioDeviceFeature>(ref feature)), .. token.ToByteArray(bigEndian: true)]);
        if (!result.IsOk) throw new IommuException(result, $"token of {Handle.Path}");
    }

    /// <summary>Attaches the device to an IOAS. If it is attached already, moves it there without a gap.</summary>
    /// <param name="ioas">The IOAS. A HWPT over it is found or made.</param>
    /// <param name="pasid">The PASID to attach; null for requests without PASID.</param>
    /// <returns>The HWPT.</returns>
    /// <exception cref="IommuException">EADDRINUSE if something is mapped at IOVAs that the device reserves, EINVAL,
    /// ENOENT.</exception>
    public uint Attach(Ioas ioas, Pasid? pasid = null)
    {
        ArgumentNullException.ThrowIfNull(ioas);
        return Attach(ioas.Id, pasid);
    }

    /// <summary>Attaches the device to a HWPT. If it is attached already, moves it there without a gap.</summary>
    /// <param name="hwpt">The HWPT.</param>
    /// <param name="pasid">The PASID to attach; null for requests without PASID.</param>
    /// <exception cref="IommuException">As for an IOAS.</exception>
    public void Attach(Hwpt hwpt, Pasid? pasid = null)
    {
        ArgumentNullException.ThrowIfNull(hwpt);
        Attach(hwpt.Id, pasid);
    }

    /// <summary>
    /// Attaches the device to a PASID of a /dev/sva: the device uses the PASID's page table, and follows its changes.
    /// <see cref="Detach"/> undoes it.
    /// </summary>
    /// <param name="sva">The open /dev/sva.</param>
    /// <param name="pasid">One of its PASIDs.</param>
    /// <exception cref="IommuException">ENOENT if there is no such PASID, EBUSY if the device has something attached to
    /// it, EOPNOTSUPP if the device has no PASIDs, EINVAL if the device cannot send this one or cannot use its page
    /// table.</exception>
    public void Attach(SvaContext sva, Pasid pasid)
    {
        ArgumentNullException.ThrowIfNull(sva);
        var arguments = new IoasisVfioAttachSva
        {
            Argsz = SizeOf<IoasisVfioAttachSva>(),
            Sva = sva.Handle.Descriptor,
            Pasid = pasid.Value
        };
        SysResult result = TryIoctl(SvaH.IOASIS_VFIO_ATTACH_SVA, ref arguments);
        if (!result.IsOk)
            throw new IommuException(result, $"attach of {Handle.Path}{With(pasid)} of {sva.Handle.Path}");
    }

    /// <summary>
    /// Detaches the device, or one of its PASIDs. After it returns its DMA is blocked. Does nothing if it is not
    /// attached.
    /// </summary>
    /// <exception cref="IommuException">Refused.</exception>
    public void Detach(Pasid? pasid = null)
    {
        var arguments = new VfioDeviceDetachIommufdPt
        {
            Argsz = SizeOf<VfioDeviceDetachIommufdPt>(),
            Flags = pasid is null ? 0 : VfioH.VFIO_DEVICE_DETACH_PASID,
            Pasid = pasid?.Value ?? 0,
        };
        SysResult result = TryIoctl(VfioH.VFIO_DEVICE_DETACH_IOMMUFD_PT, ref arguments);
        if (!result.IsOk) throw new IommuException(result, $"detach of {Handle.Path}{With(pasid)}");
    }

    /// <summary>Describes the device (VFIO_DEVICE_GET_INFO).</summary>
    /// <exception cref="IommuException">EINVAL before it is bound.</exception>
    public VfioDeviceDescription GetInfo()
    {
        var arguments = new VfioDeviceInfo { Argsz = SizeOf<VfioDeviceInfo>() };
        SysResult result = TryIoctl(VfioH.VFIO_DEVICE_GET_INFO, ref arguments);
        return result.IsOk
            ? new VfioDeviceDescription(arguments)
            : throw new IommuException(result, $"information on {Handle.Path}");
    }

    /// <summary>
    /// Gets a region of the device, such as a BAR or the configuration space (VFIO_PCI_*_REGION_INDEX).
    /// </summary>
    /// <exception cref="IommuException">EINVAL if there is no such region.</exception>
    public VfioRegion GetRegion(uint index) => VfioRegion.Read(this, index);

    /// <summary>Gets the interrupts of one kind (VFIO_PCI_*_IRQ_INDEX).</summary>
    /// <exception cref="IommuException">EINVAL if there is no such kind.</exception>
    public VfioInterrupt GetInterrupt(uint index) => VfioInterrupt.Read(this, index);

    /// <summary>
    /// Resets the function (VFIO_DEVICE_RESET). After it returns its DMA has stopped. Bus mastering stays as it was.
    /// </summary>
    /// <exception cref="IommuException">EINVAL if the device cannot be reset.</exception>
    public void Reset()
    {
        SysResult result = Handle.Ioctl(VfioH.VFIO_DEVICE_RESET, 0);
        if (!result.IsOk) throw new IommuException(result, $"reset of {Handle.Path}");
    }

    /// <summary>
    /// Enables or disables bus mastering, and enables memory BARs (PCI command register). Without bus mastering, no DMA
    /// and no message leaves the device.
    /// </summary>
    /// <exception cref="IommuException">Configuration space cannot be accessed.</exception>
    public void EnableBusMaster(bool on = true)
    {
        VfioRegion config = GetRegion(VfioH.VFIO_PCI_CONFIG_REGION_INDEX);
        int command = config.Read<ushort>(PciRegs.PCI_COMMAND) & ~PciRegs.PCI_COMMAND_MASTER;
        command |= PciRegs.PCI_COMMAND_MEMORY | (on ? PciRegs.PCI_COMMAND_MASTER : 0);
        config.Write(PciRegs.PCI_COMMAND, (ushort)command);
    }

    /// <summary>As <see cref="Attach(Hwpt, Pasid?)"/>, for callers that expect refusals.</summary>
    internal Errno TryAttach(Hwpt hwpt, Pasid pasid) => TryAttach(hwpt.Id, pasid, out _);

    private uint Attach(uint pageTable, Pasid? pasid)
    {
        Errno errno = TryAttach(pageTable, pasid, out uint hwpt);
        return errno == Errno.None
            ? hwpt
            : throw new IommuException((SysResult)errno, $"attach of {Handle.Path}{With(pasid)} to object {pageTable}");
    }

    private Errno TryAttach(uint pageTable, Pasid? pasid, out uint hwpt)
    {
        var arguments = new VfioDeviceAttachIommufdPt
        {
            Argsz = SizeOf<VfioDeviceAttachIommufdPt>(),
            Flags = pasid is null ? 0 : VfioH.VFIO_DEVICE_ATTACH_PASID,
            PtId = pageTable,
            Pasid = pasid?.Value ?? 0,
        };
        SysResult result = TryIoctl(VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT, ref arguments);
        hwpt = arguments.PtId;
        return result.Errno;
    }

    private static string With(Pasid? pasid) => pasid is { } id ? $" with PASID {id}" : "";
}
