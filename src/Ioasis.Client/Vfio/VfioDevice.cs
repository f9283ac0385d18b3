using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Client;

/// <summary>
/// An open VFIO device node. It is bound to a context once, attached to a page table, and then driven through its
/// regions and interrupts. Closing it stops its DMA, detaches it and gives it back.
/// </summary>
public sealed class VfioDevice : NodeClient
{
    private const int TokenSize = 16;

    private VfioDevice(NodeTransport nodes, NodeHandle handle) : base(nodes, handle)
    {
    }

    /// <summary>Opens the node of a PCI function, found through sysfs.</summary>
    /// <exception cref="IommuException">There is no such function, no VFIO driver has it, or its node cannot be
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

    /// <summary>The device's number in the context that it is bound to; 0 before.</summary>
    public uint Id { get; private set; }

    /// <summary>
    /// Binds the device to a context (VFIO_DEVICE_BIND_IOMMUFD). Before, every other call is refused with EINVAL.
    /// </summary>
    /// <param name="context">The context.</param>
    /// <param name="token">Of a virtual function, the token of its physical one; of a physical one with virtual ones,
    /// what is to become it, or is it.</param>
    /// <exception cref="IommuException">Refused: EINVAL bound already, or a token for another device; EACCES not that
    /// token; EBUSY the group is another's, EBADFD not an iommufd.</exception>
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
            throw new IommuException(result.Errno, $"bind of {Handle.Path} to iommufd {context.Handle.Descriptor}");
        Id = arguments.OutDevid;
    }

    /// <summary>
    /// Sets the token that programs of the device's virtual functions have to know (VFIO_DEVICE_FEATURE_PCI_VF_TOKEN).
    /// Nobody can read it.
    /// </summary>
    /// <exception cref="IommuException">Refused: ENOTTY the device can have no virtual functions.</exception>
    public void SetVfToken(Guid token)
    {
        var feature = new VfioDeviceFeature
        {
            Argsz = SizeOf<VfioDeviceFeature>() + TokenSize,
            Flags = VfioH.VFIO_DEVICE_FEATURE_SET | VfioH.VFIO_DEVICE_FEATURE_PCI_VF_TOKEN
        };
        SysResult result = TryIoctl(VfioH.VFIO_DEVICE_FEATURE, [.. MemoryMarshal.AsBytes(
                new ReadOnlySpan<VfioDeviceFeature>(ref feature)), .. token.ToByteArray(bigEndian: true)]);
        if (!result.IsOk) throw new IommuException(result.Errno, $"token of {Handle.Path}");
    }

    /// <summary>Attaches the device to an IOAS; attached already, it is moved there without a gap.</summary>
    /// <param name="ioas">The IOAS; a HWPT over it is found or made.</param>
    /// <param name="pasid">Which of the device's PASIDs; null for its requests without PASID.</param>
    /// <returns>The HWPT.</returns>
    /// <exception cref="IommuException">Refused: EADDRINUSE something is mapped where the device reserves, EINVAL,
    /// ENOENT.</exception>
    public uint Attach(Ioas ioas, Pasid? pasid = null)
    {
        ArgumentNullException.ThrowIfNull(ioas);
        return Attach(ioas.Id, pasid);
    }

    /// <summary>Attaches the device to a HWPT; attached already, it is moved there without a gap.</summary>
    /// <param name="hwpt">The HWPT.</param>
    /// <param name="pasid">Which of the device's PASIDs; null for its requests without PASID.</param>
    /// <exception cref="IommuException">Refused, as above.</exception>
    public void Attach(Hwpt hwpt, Pasid? pasid = null)
    {
        ArgumentNullException.ThrowIfNull(hwpt);
        Attach(hwpt.Id, pasid);
    }

    /// <summary>
    /// Hands a PASID of a /dev/sva to the device: whatever its page table is, now and later, is the device's. Undone by
    /// <see cref="Detach"/>.
    /// </summary>
    /// <param name="sva">The open /dev/sva.</param>
    /// <param name="pasid">One of its PASIDs.</param>
    /// <exception cref="IommuException">Refused: ENOENT no such PASID there, EBUSY the device has something attached to
    /// it, EOPNOTSUPP the device has no PASIDs, EINVAL it cannot send this one, or its page table does not go with the
    /// device.</exception>
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
            throw new IommuException(result.Errno, $"attach of {Handle.Path}{With(pasid)} of {sva.Handle.Path}");
    }

    /// <summary>
    /// Detaches the device, or one of its PASIDs: its DMA is blocked when this returns. Not attached, it stays so.
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
        if (!result.IsOk) throw new IommuException(result.Errno, $"detach of {Handle.Path}{With(pasid)}");
    }

    /// <summary>What the device is and has (VFIO_DEVICE_GET_INFO).</summary>
    /// <exception cref="IommuException">Refused: EINVAL before it is bound.</exception>
    public VfioDeviceInfo GetInfo()
    {
        var arguments = new VfioDeviceInfo { Argsz = SizeOf<VfioDeviceInfo>() };
        SysResult result = TryIoctl(VfioH.VFIO_DEVICE_GET_INFO, ref arguments);
        return result.IsOk ? arguments : throw new IommuException(result.Errno, $"information on {Handle.Path}");
    }

    /// <summary>A region of the device: a BAR, the configuration space (VFIO_PCI_*_REGION_INDEX).</summary>
    /// <exception cref="IommuException">Refused: EINVAL no such region.</exception>
    public VfioRegion Region(uint index) => VfioRegion.Read(this, index);

    /// <summary>The interrupts of one kind (VFIO_PCI_*_IRQ_INDEX).</summary>
    /// <exception cref="IommuException">Refused: EINVAL no such kind.</exception>
    public VfioInterrupt Interrupt(uint index) => VfioInterrupt.Read(this, index);

    /// <summary>
    /// Resets the function (VFIO_DEVICE_RESET): its DMA has stopped when this returns; bus mastering is as it was
    /// before.
    /// </summary>
    /// <exception cref="IommuException">Refused: EINVAL the device cannot be reset.</exception>
    public void Reset()
    {
        SysResult result = Handle.Ioctl(VfioH.VFIO_DEVICE_RESET, 0);
        if (!result.IsOk) throw new IommuException(result.Errno, $"reset of {Handle.Path}");
    }

    /// <summary>
    /// Lets the device send requests, and answer in its memory BARs; or stops its requests (PCI command register).
    /// Without it no DMA and no message leaves the device.
    /// </summary>
    /// <exception cref="IommuException">Configuration space cannot be accessed.</exception>
    public void EnableBusMaster(bool on = true)
    {
        VfioRegion config = Region(VfioH.VFIO_PCI_CONFIG_REGION_INDEX);
        int command = config.Read<ushort>(PciRegs.PCI_COMMAND) & ~PciRegs.PCI_COMMAND_MASTER;
        command |= PciRegs.PCI_COMMAND_MEMORY | (on ? PciRegs.PCI_COMMAND_MASTER : 0);
        config.Write(PciRegs.PCI_COMMAND, (ushort)command);
    }

    private uint Attach(uint pageTable, Pasid? pasid)
    {
        var arguments = new VfioDeviceAttachIommufdPt
        {
            Argsz = SizeOf<VfioDeviceAttachIommufdPt>(),
            Flags = pasid is null ? 0 : VfioH.VFIO_DEVICE_ATTACH_PASID,
            PtId = pageTable,
            Pasid = pasid?.Value ?? 0,
        };
        SysResult result = TryIoctl(VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT, ref arguments);
        return result.IsOk ? arguments.PtId : throw new IommuException(
            result.Errno, $"attach of {Handle.Path}{With(pasid)} to object {pageTable}");
    }

    private static string With(Pasid? pasid) => pasid is { } id ? $" with PASID {id}" : "";
}
