using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Client;

/// <summary>
/// An open vDPA device: a virtio device whose queues the program drives itself. The program owns it, negotiates
/// features, maps memory, sets up queues, and then lets it run. Closing it resets the device and unmaps everything. One
/// program at a time has it open.
/// </summary>
public sealed partial class VdpaDevice : NodeClient, IBoundDevice
{
    private VdpaDevice(NodeTransport nodes, NodeHandle handle) : base(nodes, handle)
    {
    }

    /// <summary>Opens /dev/vhost-vdpa-N. The device is reset.</summary>
    /// <exception cref="IommuException">EBUSY while it is open; or it cannot be opened.</exception>
    public static VdpaDevice Open(NodeTransport nodes, int number) => Open(nodes, $"/dev/vhost-vdpa-{number}");

    /// <summary>Opens a node by its path. The device is reset.</summary>
    /// <exception cref="IommuException">EBUSY while it is open; or it cannot be opened.</exception>
    public static VdpaDevice Open(NodeTransport nodes, string path)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        return new VdpaDevice(nodes, nodes.Open(path));
    }

    /// <summary>
    /// Makes this process the owner (VHOST_SET_OWNER). Its memory is what is mapped. Queues, address spaces and maps
    /// need an owner.
    /// </summary>
    /// <exception cref="IommuException">EBUSY if there is an owner.</exception>
    public void SetOwner() => Call(VhostH.VHOST_SET_OWNER, "ownership");

    /// <summary>Reads the kind of virtio device (VIRTIO_ID_*): 1 network, 2 block.</summary>
    /// <exception cref="IommuException">Refused.</exception>
    public uint GetDeviceId() => Get<uint>(VhostH.VHOST_VDPA_GET_DEVICE_ID, "device ID");

    /// <summary>Reads the number of queues.</summary>
    /// <exception cref="IommuException">Refused.</exception>
    public int GetQueueCount() => (int)Get<uint>(VhostH.VHOST_VDPA_GET_VQS_COUNT, "number of queues");

    /// <summary>Reads the most entries of a queue.</summary>
    /// <exception cref="IommuException">Refused.</exception>
    public int GetMaxQueueSize() => Get<ushort>(VhostH.VHOST_VDPA_GET_VRING_NUM, "largest queue");

    /// <summary>Reads the number of groups. The queues of a group share an address space.</summary>
    /// <exception cref="IommuException">Refused.</exception>
    public int GetGroupCount() => (int)Get<uint>(VhostH.VHOST_VDPA_GET_GROUP_NUM, "number of groups");

    /// <summary>Reads the number of address spaces, which have the IDs from 0 on.</summary>
    /// <exception cref="IommuException">Refused.</exception>
    public int GetAddressSpaceCount() => (int)Get<uint>(VhostH.VHOST_VDPA_GET_AS_NUM, "number of address spaces");

    /// <summary>Reads the IOVAs that can be mapped.</summary>
    /// <exception cref="IommuException">Refused.</exception>
    public IovaRange GetIovaRange()
    {
        var range = Get<VhostVdpaIovaRange>(VhostH.VHOST_VDPA_GET_IOVA_RANGE, "range of IOVAs");
        return new IovaRange(range.First, range.Last);
    }

    /// <summary>Reads the device's status (VIRTIO_CONFIG_S_* bits).</summary>
    /// <exception cref="IommuException">Refused.</exception>
    public byte GetStatus() => Get<byte>(VhostH.VHOST_VDPA_GET_STATUS, "status");

    /// <summary>
    /// Sets the device's status (VIRTIO_CONFIG_S_* bits). Bits can only be added; 0 resets the device. A reset keeps
    /// the owner, the events and the maps.
    /// </summary>
    /// <exception cref="IommuException">EINVAL if a bit is taken away.</exception>
    public void SetStatus(byte status) => Set(VhostH.VHOST_VDPA_SET_STATUS, status, $"status 0x{status:x}");

    /// <summary>Reads the features that the device offers (VIRTIO_F_*, VIRTIO_NET_F_*, ...: bit numbers).</summary>
    /// <exception cref="IommuException">Refused.</exception>
    public ulong GetOfferedFeatures() => Get<ulong>(VhostH.VHOST_GET_FEATURES, "features");

    /// <summary>Reads the features that the backend offers (VHOST_BACKEND_F_*: bit numbers).</summary>
    /// <exception cref="IommuException">Refused.</exception>
    public ulong GetOfferedBackendFeatures() => Get<ulong>(VhostH.VHOST_GET_BACKEND_FEATURES, "backend features");

    /// <summary>Chooses features, before FEATURES_OK is set.</summary>
    /// <exception cref="IommuException">EINVAL without VIRTIO_F_ACCESS_PLATFORM, EBUSY after FEATURES_OK.</exception>
    public void SetFeatures(ulong features) => Set(VhostH.VHOST_SET_FEATURES, features, $"features 0x{features:x}");

    /// <summary>
    /// Chooses backend features. Without VHOST_BACKEND_F_IOTLB_ASID all maps are those of address space 0.
    /// </summary>
    /// <exception cref="IommuException">EOPNOTSUPP for a feature that is not offered.</exception>
    public void SetBackendFeatures(ulong features) =>
        Set(VhostH.VHOST_SET_BACKEND_FEATURES, features, $"backend features 0x{features:x}");

    /// <summary>Reads the number of bytes of the configuration space.</summary>
    /// <exception cref="IommuException">Refused.</exception>
    public int GetConfigSize() => (int)Get<uint>(VhostH.VHOST_VDPA_GET_CONFIG_SIZE, "size of the configuration");

    /// <summary>Reads the configuration space (struct virtio_net_config, virtio_blk_config, ...).</summary>
    /// <exception cref="IommuException">EINVAL if there is nothing to read, or it does not lie within the
    /// space.</exception>
    public byte[] ReadConfig(int offset, int length)
    {
        byte[] bytes = Config(offset, new byte[length]);
        SysResult result = TryIoctl(VhostH.VHOST_VDPA_GET_CONFIG, bytes);
        return result.IsOk ? bytes[(int)SizeOf<VhostVdpaConfig>()..]
            : throw Refused(result, $"read of {length} bytes of the configuration at {offset}");
    }

    /// <summary>Writes the configuration space. The device decides what it takes.</summary>
    /// <exception cref="IommuException">As for <see cref="ReadConfig"/>.</exception>
    public void WriteConfig(int offset, ReadOnlySpan<byte> bytes)
    {
        SysResult result = TryIoctl(VhostH.VHOST_VDPA_SET_CONFIG, Config(offset, bytes));
        if (!result.IsOk)
            throw Refused(result, $"write of {bytes.Length} bytes of the configuration at {offset}");
    }

    /// <summary>
    /// Sets the event that the device signals when its configuration changes, or when it needs a reset; null
    /// disconnects it.
    /// </summary>
    /// <exception cref="IommuException">Refused.</exception>
    public void SetConfigEvent(UserEvent? changed) =>
        Set(VhostH.VHOST_VDPA_SET_CONFIG_CALL, changed?.Descriptor ?? -1, "event of the configuration");

    /// <summary>Gets a queue, from 0 on.</summary>
    public VdpaQueue GetQueue(int index) => new(this, (uint)index);

    /// <summary>Gives the queues of a group an address space, before DRIVER_OK is set.</summary>
    /// <exception cref="IommuException">EINVAL if there is no such group or address space, EBUSY after
    /// DRIVER_OK.</exception>
    public void SetAddressSpace(int group, int addressSpace) =>
        Set(VhostH.VHOST_VDPA_SET_GROUP_ASID, new VhostVringState { Index = (uint)group, Num = (uint)addressSpace },
            $"address space {addressSpace} of group {group}");

    /// <summary>
    /// Stops the queues. After it returns the device takes no request and accesses no memory. Before DRIVER_OK it does
    /// nothing.
    /// </summary>
    /// <exception cref="IommuException">EOPNOTSUPP.</exception>
    public void Suspend() => Call(VhostH.VHOST_VDPA_SUSPEND, "suspension");

    /// <summary>Lets a suspended device go on.</summary>
    /// <exception cref="IommuException">EOPNOTSUPP.</exception>
    public void Resume() => Call(VhostH.VHOST_VDPA_RESUME, "resumption");

    internal void Set<T>(uint command, T value, string what) where T : unmanaged
    {
        SysResult result = TryIoctl(command, ref value);
        if (!result.IsOk) throw Refused(result, $"setting of {what}");
    }

    internal T Get<T>(uint command, string what, T value = default) where T : unmanaged
    {
        SysResult result = TryIoctl(command, ref value);
        return result.IsOk ? value : throw Refused(result, $"reading of {what}");
    }

    private void Call(uint command, string what)
    {
        SysResult result = Handle.Ioctl(command, 0);
        if (!result.IsOk) throw Refused(result, what);
    }

    private IommuException Refused(SysResult result, string what) => new(result, $"{what} of {Handle.Path}");

    private static byte[] Config(int offset, ReadOnlySpan<byte> bytes)
    {
        var header = new VhostVdpaConfig { Off = (uint)offset, Len = (uint)bytes.Length };
        return [.. MemoryMarshal.AsBytes(new ReadOnlySpan<VhostVdpaConfig>(in header)), .. bytes];
    }
}
