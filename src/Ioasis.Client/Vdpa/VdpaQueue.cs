using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Client;

/// <summary>
/// A queue of a vDPA device. All settings are made before DRIVER_OK is set. The device must have an owner.
/// </summary>
public sealed class VdpaQueue
{
    private const ulong DoorbellSize = 4096;
    private readonly VdpaDevice _device;

    internal VdpaQueue(VdpaDevice device, uint index)
    {
        _device = device;
        Index = index;
    }

    /// <summary>The queue's number.</summary>
    public uint Index { get; }

    /// <summary>Reads the group that the queue belongs to.</summary>
    /// <exception cref="IommuException">ENOBUFS if there is no such queue.</exception>
    public int GetGroup() => (int)Get(VhostH.VHOST_VDPA_GET_VRING_GROUP, "group");

    /// <summary>
    /// Reads where the device goes on: the index of the next entry of a split queue that it takes. For a packed queue,
    /// the next descriptor's index and its wrap counter (bit 15), and in the upper half the same of the used ones.
    /// </summary>
    /// <exception cref="IommuException">EINVAL after DRIVER_OK, unless the device is suspended; ENOBUFS.</exception>
    public uint GetBase() => Get(VhostH.VHOST_GET_VRING_BASE, "base");

    /// <summary>Sets where the device goes on, in the form of <see cref="GetBase"/>.</summary>
    /// <exception cref="IommuException">EINVAL after DRIVER_OK, unless the device is suspended; ENOBUFS.</exception>
    public void SetBase(uint value) => Set(VhostH.VHOST_SET_VRING_BASE, value, "base");

    /// <summary>Sets the number of entries, a power of two.</summary>
    /// <exception cref="IommuException">EINVAL if it is none, or too large; ENOBUFS.</exception>
    public void SetSize(int entries) => Set(VhostH.VHOST_SET_VRING_NUM, (uint)entries, "size");

    /// <summary>
    /// Sets where the descriptors, the driver's ring and the device's ring are: IOVAs of the address space of the
    /// queue's group.
    /// </summary>
    /// <exception cref="IommuException">EINVAL if one is misaligned, or after DRIVER_OK; ENOBUFS.</exception>
    public void SetAddresses(Iova descriptors, Iova driver, Iova device) => _device.Set(
        VhostH.VHOST_SET_VRING_ADDR,
        new VhostVringAddr
        {
            Index = Index,
            DescUserAddr = descriptors.Value,
            AvailUserAddr = driver.Value,
            UsedUserAddr = device.Value,
        }, $"addresses of queue {Index}");

    /// <summary>Sets the event by which the program tells the device of new entries; null disconnects it.</summary>
    /// <exception cref="IommuException">ENOBUFS.</exception>
    public void SetKick(UserEvent? kick) => Set(VhostH.VHOST_SET_VRING_KICK, kick, "kick");

    /// <summary>Sets the event by which the device tells the program of used entries; null disconnects it.</summary>
    /// <exception cref="IommuException">ENOBUFS.</exception>
    public void SetCall(UserEvent? call) => Set(VhostH.VHOST_SET_VRING_CALL, call, "call");

    /// <summary>Turns the queue on or off. The device goes on where it was.</summary>
    /// <exception cref="IommuException">ENOBUFS.</exception>
    public void Enable(bool on = true) => Set(VhostH.VHOST_VDPA_SET_VRING_ENABLE, on ? 1u : 0, "state");

    /// <summary>
    /// Maps the queue's doorbell (mmap(2)), a page that can only be written. A store of the queue's number to its first
    /// bytes notifies the device. If VIRTIO_F_NOTIFICATION_DATA is chosen, the store has 4 bytes, with the position in
    /// the ring above the number. The mapping keeps the device open.
    /// </summary>
    /// <exception cref="IommuException">524 (ENOTSUPP) if the device has no doorbells, EINVAL if there is no such
    /// queue.</exception>
    public MappedRegion MapDoorbell()
    {
        Errno errno = _device.Handle.TryMap(Index * DoorbellSize, DoorbellSize, shared: true, readable: false,
            writable: true, executable: false, out MappedRegion? page);
        return errno == Errno.None ? page!
            : throw new IommuException(errno, $"map of the doorbell of queue {Index} of {_device.Handle.Path}");
    }

    private uint Get(uint command, string what) =>
        _device.Get(command, $"{what} of queue {Index}", new VhostVringState { Index = Index }).Num;

    private void Set(uint command, uint value, string what) =>
        _device.Set(command, new VhostVringState { Index = Index, Num = value }, $"{what} of queue {Index}");

    private void Set(uint command, UserEvent? signal, string what) => _device.Set(
        command,
        new VhostVringFile { Index = Index, Fd = signal?.Descriptor ?? VhostH.VHOST_FILE_UNBIND },
        $"{what} of queue {Index}");
}
