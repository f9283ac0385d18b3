using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;
using static Ioasis.Abi.VdpaH;
using static Ioasis.Abi.VhostH;

namespace Ioasis.Passthrough.Vdpa.Ioctls;

/// <summary>The ioctls of /dev/vhost-vdpa-N, and how each is called (Linux: vhost_vdpa_unlocked_ioctl).</summary>
internal static class VdpaIoctls
{
    private const int ConfigHeader = 8;

    // What numbers mean that nobody knows: of a queue, as on Linux.
    private static readonly VdpaIoctl s_unknown =
        new(0, "", VdpaIoctlKind.Queue, sizeof(uint), static (ref VdpaCall _) =>
            Errno.ENOTTY.Because("the request is not known"));

    /// <summary>All of them, by number. Those that are ENOTTY with an owner and without are not among them.</summary>
    internal static IReadOnlyDictionary<uint, VdpaIoctl> Table { get; } = new VdpaIoctl[]
    {
        Get(VHOST_VDPA_GET_DEVICE_ID, nameof(VHOST_VDPA_GET_DEVICE_ID), DeviceIoctls.GetDeviceId),
        Get(VHOST_VDPA_GET_STATUS, nameof(VHOST_VDPA_GET_STATUS), DeviceIoctls.GetStatus),
        Set(VHOST_VDPA_SET_STATUS, nameof(VHOST_VDPA_SET_STATUS), DeviceIoctls.SetStatus),
        Get(VHOST_GET_FEATURES, nameof(VHOST_GET_FEATURES), DeviceIoctls.GetFeatures),
        Set(VHOST_SET_FEATURES, nameof(VHOST_SET_FEATURES), DeviceIoctls.SetFeatures),
        Get(VHOST_GET_BACKEND_FEATURES, nameof(VHOST_GET_BACKEND_FEATURES), DeviceIoctls.GetBackendFeatures),
        Set(VHOST_SET_BACKEND_FEATURES, nameof(VHOST_SET_BACKEND_FEATURES), DeviceIoctls.SetBackendFeatures),
        Get(VHOST_VDPA_GET_VRING_NUM, nameof(VHOST_VDPA_GET_VRING_NUM), DeviceIoctls.GetVringNum),
        Get(VHOST_VDPA_GET_CONFIG_SIZE, nameof(VHOST_VDPA_GET_CONFIG_SIZE), DeviceIoctls.GetConfigSize),
        Get(VHOST_VDPA_GET_VQS_COUNT, nameof(VHOST_VDPA_GET_VQS_COUNT), DeviceIoctls.GetVqsCount),
        Get(VHOST_VDPA_GET_GROUP_NUM, nameof(VHOST_VDPA_GET_GROUP_NUM), DeviceIoctls.GetGroupNum),
        Get(VHOST_VDPA_GET_AS_NUM, nameof(VHOST_VDPA_GET_AS_NUM), DeviceIoctls.GetAsNum),
        Get(VHOST_VDPA_GET_IOVA_RANGE, nameof(VHOST_VDPA_GET_IOVA_RANGE), DeviceIoctls.GetIovaRange),
        Get(VHOST_VDPA_GET_CONFIG, nameof(VHOST_VDPA_GET_CONFIG), static (ref VdpaCall _) =>
            Errno.ENOTTY.Because("the request is not known")),
        Set(VHOST_VDPA_SET_CONFIG, nameof(VHOST_VDPA_SET_CONFIG), static (ref VdpaCall _) =>
            Errno.ENOTTY.Because("the request is not known")),
        Set(VHOST_VDPA_SET_CONFIG_CALL, nameof(VHOST_VDPA_SET_CONFIG_CALL), DeviceIoctls.SetConfigCall) with
        {
            DescriptorAt = 0,
        },
        Get(VHOST_VDPA_SUSPEND, nameof(VHOST_VDPA_SUSPEND), DeviceIoctls.Suspend),
        Get(VHOST_VDPA_RESUME, nameof(VHOST_VDPA_RESUME), DeviceIoctls.Resume),
        Get(VHOST_SET_OWNER, nameof(VHOST_SET_OWNER), OwnerIoctls.SetOwner),
        Set(VHOST_SET_FORK_FROM_OWNER, nameof(VHOST_SET_FORK_FROM_OWNER), OwnerIoctls.SetForkFromOwner),
        Get(VHOST_GET_FORK_FROM_OWNER, nameof(VHOST_GET_FORK_FROM_OWNER), OwnerIoctls.GetForkFromOwner),
        Set(VHOST_SET_MEM_TABLE, nameof(VHOST_SET_MEM_TABLE), static (ref VdpaCall _) =>
            Errno.ENOTTY.Because("the request is not known")),
        new(VHOST_SET_VRING_NUM, nameof(VHOST_SET_VRING_NUM), VdpaIoctlKind.WholeQueue, 8, VringIoctls.SetNum),
        OfQueue(VHOST_SET_VRING_ADDR, nameof(VHOST_SET_VRING_ADDR), VringIoctls.SetAddresses),
        OfQueue(VHOST_SET_VRING_BASE, nameof(VHOST_SET_VRING_BASE), VringIoctls.SetBase),
        OfQueue(VHOST_GET_VRING_BASE, nameof(VHOST_GET_VRING_BASE), VringIoctls.GetBase),
        OfQueue(VHOST_SET_VRING_KICK, nameof(VHOST_SET_VRING_KICK), VringIoctls.SetKick) with { DescriptorAt = 4 },
        OfQueue(VHOST_SET_VRING_CALL, nameof(VHOST_SET_VRING_CALL), VringIoctls.SetCall) with { DescriptorAt = 4 },
        OfQueue(VHOST_SET_VRING_ERR, nameof(VHOST_SET_VRING_ERR), VringIoctls.SetError) with { DescriptorAt = 4 },
        OfQueue(VHOST_SET_VRING_BUSYLOOP_TIMEOUT, nameof(VHOST_SET_VRING_BUSYLOOP_TIMEOUT),
            VringIoctls.SetBusyLoopTimeout),
        OfQueue(VHOST_GET_VRING_BUSYLOOP_TIMEOUT, nameof(VHOST_GET_VRING_BUSYLOOP_TIMEOUT),
            VringIoctls.GetBusyLoopTimeout),
        OfQueue(VHOST_VDPA_SET_VRING_ENABLE, nameof(VHOST_VDPA_SET_VRING_ENABLE), VringIoctls.SetEnable),
        OfQueue(VHOST_VDPA_GET_VRING_GROUP, nameof(VHOST_VDPA_GET_VRING_GROUP), VringIoctls.GetGroup),
        OfQueue(VHOST_VDPA_GET_VRING_DESC_GROUP, nameof(VHOST_VDPA_GET_VRING_DESC_GROUP), VringIoctls.GetDescGroup),
        OfQueue(VHOST_VDPA_SET_GROUP_ASID, nameof(VHOST_VDPA_SET_GROUP_ASID), VringIoctls.SetGroupAsid),
        OfOwner(VHOST_VDPA_SET_IOMMU_FD, nameof(VHOST_VDPA_SET_IOMMU_FD), SpaceIoctls.SetIommuFd) with { NodeAt = 8 },
        OfOwner(VDPA_DEVICE_ATTACH_IOMMUFD_AS, nameof(VDPA_DEVICE_ATTACH_IOMMUFD_AS), SpaceIoctls.Attach),
        OfOwner(VDPA_DEVICE_DETACH_IOMMUFD_AS, nameof(VDPA_DEVICE_DETACH_IOMMUFD_AS), SpaceIoctls.Detach),
        OfOwner(VDPA_DEVICE_ATTACH_SVA, nameof(VDPA_DEVICE_ATTACH_SVA), SpaceIoctls.AttachSva) with { NodeAt = 8 },
        OfQueue(VHOST_VDPA_GET_VRING_SIZE, nameof(VHOST_VDPA_GET_VRING_SIZE), VringIoctls.GetSize),
    }.ToDictionary(ioctl => ioctl.Number);

    /// <summary>The name and structure of a number; null if it is not known.</summary>
    internal static IoctlShape? ShapeOf(uint command) => Table.TryGetValue(command, out VdpaIoctl? ioctl)
        ? new IoctlShape(ioctl.Name, StructureOf(command))
        : null;

    private static Type? StructureOf(uint command) => command switch
    {
        VHOST_VDPA_SET_CONFIG_CALL => typeof(int),
        VHOST_VDPA_GET_IOVA_RANGE => typeof(VhostVdpaIovaRange),
        VHOST_VDPA_GET_CONFIG or VHOST_VDPA_SET_CONFIG => typeof(VhostVdpaConfig),
        VHOST_SET_VRING_ADDR => typeof(VhostVringAddr),
        VHOST_SET_VRING_KICK or VHOST_SET_VRING_CALL or VHOST_SET_VRING_ERR => typeof(VhostVringFile),
        VHOST_VDPA_SET_IOMMU_FD => typeof(VhostVdpaSetIommufd),
        VDPA_DEVICE_ATTACH_IOMMUFD_AS => typeof(VdpaDeviceAttachIommufdAs),
        VDPA_DEVICE_DETACH_IOMMUFD_AS => typeof(VdpaDeviceDetachIommufdAs),
        VDPA_DEVICE_ATTACH_SVA => typeof(VdpaDeviceAttachSva),
        _ => Ioc.Size(command) switch
        {
            1 => typeof(byte),
            2 => typeof(ushort),
            4 => typeof(uint),
            8 => Table[command].Kind is VdpaIoctlKind.Queue or VdpaIoctlKind.WholeQueue
                ? typeof(VhostVringState)
                : typeof(ulong),
            _ => null,
        },
    };

    internal static SysResult Execute(VhostVdpaFile file, ICaller caller, uint command, ulong argument)
    {
        switch (command)
        {
            case VHOST_VDPA_GET_CONFIG or VHOST_VDPA_SET_CONFIG:
                return AccessConfig(file.Device, caller, argument, command == VHOST_VDPA_SET_CONFIG);
            case VHOST_SET_MEM_TABLE:
                return OwnerIoctls.SetMemTable(file, caller, argument);
            case VHOST_SET_LOG_BASE or VHOST_SET_LOG_FD:
                return Errno.ENOTTY.Because("a vDPA device writes no log of dirty pages");
        }

        VdpaIoctl ioctl = Table.GetValueOrDefault(command, s_unknown);
        var call = new VdpaCall(file, caller);
        bool hasQueue = Read(ref call, ioctl, argument);
        if (call.IsRead && ioctl.DescriptorAt >= 0)
        {
            var found = EventLookup.Of(caller, MemoryMarshal.Read<int>(call.Argument[ioctl.DescriptorAt..]));
            (call.Event, call.EventError) = found;
        }

        if (call.IsRead && ioctl.NodeAt >= 0)
        {
            call.NodeError = caller.GetFile(
                MemoryMarshal.Read<int>(call.Argument[ioctl.NodeAt..]), out IOpenFile? node);
            call.Node = node;
        }

        if (command == VHOST_SET_OWNER) file.Spaces.ChargeTo(caller); // asks the caller's process
        Errno errno;
        using (file.Lock.Enter()) errno = Judge(ref call, ioctl, hasQueue) is var refused and not Errno.None
            ? refused
            : ioctl.Handler(ref call);
        call.TakeEvent()?.Dispose();
        (call.Node as IDisposable)?.Dispose(); // none of ours is
        if (errno != Errno.None) return errno;
        return call.AnswerSize == 0 || caller.Memory.TryWrite(new Hva(argument), call.AnswerBytes)
            ? SysResult.Ok()
            : UserFault.Write(argument, (uint)call.AnswerSize);
    }

    /// <summary>Reads the argument; true if at least the number of a queue could be read.</summary>
    private static bool Read(ref VdpaCall call, VdpaIoctl ioctl, ulong argument)
    {
        AddressSpace memory = call.Caller.Memory;
        call.IsRead = memory.TryRead(new Hva(argument), call.Argument[..ioctl.Reads]);
        return call.IsRead || (ioctl.Kind == VdpaIoctlKind.Queue
            && memory.TryRead(new Hva(argument), call.Argument[..sizeof(uint)]));
    }

    /// <summary>What every ioctl of a kind has in common, in Linux's order.</summary>
    private static Errno Judge(ref VdpaCall call, VdpaIoctl ioctl, bool hasQueue)
    {
        if (ioctl.Kind == VdpaIoctlKind.Device) return Errno.None;
        if (!call.File.IsOwner(call.Caller))
            return Errno.EPERM.Because("the caller is not the file's owner; VHOST_SET_OWNER makes one");
        if (ioctl.Kind == VdpaIoctlKind.Owner) return Errno.None;
        if (!hasQueue || (ioctl.Kind == VdpaIoctlKind.WholeQueue && !call.IsRead))
            return Errno.EFAULT.Because("the argument cannot be read");
        uint index = call.Read<uint>();
        if (index >= (uint)call.Device.Queues)
            return Errno.ENOBUFS.Because($"there is no queue {index}; the device has {call.Device.Queues}");
        call.Queue = (int)index;
        return Errno.None;
    }

    /// <summary>Reads or writes the configuration space. Any range that is not within it is EINVAL.</summary>
    private static SysResult AccessConfig(VdpaDevice device, ICaller caller, ulong argument, bool write)
    {
        Span<byte> header = stackalloc byte[ConfigHeader];
        if (!caller.Memory.TryRead(new Hva(argument), header)) return UserFault.Read(argument, ConfigHeader);
        var place = MemoryMarshal.Read<VhostVdpaConfig>(header);
        uint size = (uint)device.Slot.Function.ConfigSize;
        if (place.Len == 0 || place.Off > size || place.Len > size - place.Off)
            return Errno.EINVAL.Because(
                $"{place.Len} bytes at {place.Off} are not within the {size} bytes of the configuration");
        var address = new Hva(unchecked(argument + ConfigHeader));
        Span<byte> bytes = new byte[place.Len];
        if (!write)
        {
            device.Slot.ReadConfig((int)place.Off, bytes);
            return caller.Memory.TryWrite(address, bytes) ? SysResult.Ok() : UserFault.Write(address.Value, place.Len);
        }

        if (!caller.Memory.TryRead(address, bytes)) return UserFault.Read(address.Value, place.Len);
        device.Slot.WriteConfig((int)place.Off, bytes); // the device may ignore it
        return SysResult.Ok();
    }

    private static VdpaIoctl Get(uint number, string name, VdpaHandler handler) =>
        new(number, name, VdpaIoctlKind.Device, 0, handler);

    private static VdpaIoctl Set(uint number, string name, VdpaHandler handler) =>
        new(number, name, VdpaIoctlKind.Device, (int)Ioc.Size(number), handler);

    private static VdpaIoctl OfOwner(uint number, string name, VdpaHandler handler) =>
        new(number, name, VdpaIoctlKind.Owner, (int)Ioc.Size(number), handler);

    private static VdpaIoctl OfQueue(uint number, string name, VdpaHandler handler) =>
        new(number, name, VdpaIoctlKind.Queue, (int)Ioc.Size(number), handler);
}
