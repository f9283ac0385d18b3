using System.Runtime.InteropServices;
using System.Text;
using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Passthrough.Vfio;

/// <summary>The open file of a group, and its ioctls (Linux: vfio_group_fops_unl_ioctl).</summary>
internal sealed class VfioGroupFile(VfioGroup group) : NodeFile
{
    private const int LongestName = 4096; // its zero included
    private const int Attempts = 16;

    // A file that another call has opened can be given again a moment later than it is told, when it is placed.
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(1);

    internal VfioGroup Group => group;

    /// <inheritdoc/>
    public override bool IsVfioFile => true;

    public override SysResult Ioctl(ICaller caller, uint command, ulong argument) => command switch
    {
        VfioH.VFIO_GROUP_GET_STATUS => GetStatus(caller, argument),
        VfioH.VFIO_GROUP_SET_CONTAINER => SetContainer(caller, argument),
        VfioH.VFIO_GROUP_UNSET_CONTAINER => group.UnsetContainer(),
        VfioH.VFIO_GROUP_GET_DEVICE_FD => GetDevice(caller, argument),
        _ => Errno.ENOTTY.Because($"request 0x{command:x} is not known"),
    };

    public override IoctlShape? ShapeOf(uint command) => ShapeOfAny(command);

    /// <summary>The name and structure of a number, of any group; null if it is not known.</summary>
    internal static IoctlShape? ShapeOfAny(uint command) => command switch
    {
        VfioH.VFIO_GROUP_GET_STATUS => new(nameof(VfioH.VFIO_GROUP_GET_STATUS), typeof(VfioGroupStatus)),
        VfioH.VFIO_GROUP_SET_CONTAINER => new(nameof(VfioH.VFIO_GROUP_SET_CONTAINER), typeof(int)),
        VfioH.VFIO_GROUP_UNSET_CONTAINER => new(nameof(VfioH.VFIO_GROUP_UNSET_CONTAINER)),
        VfioH.VFIO_GROUP_GET_DEVICE_FD => new(nameof(VfioH.VFIO_GROUP_GET_DEVICE_FD)),
        _ => null,
    };

    public override string Describe(ICaller caller, uint command, ulong argument) => command switch
    {
        VfioH.VFIO_GROUP_GET_STATUS => nameof(VfioH.VFIO_GROUP_GET_STATUS),
        VfioH.VFIO_GROUP_SET_CONTAINER => nameof(VfioH.VFIO_GROUP_SET_CONTAINER),
        VfioH.VFIO_GROUP_UNSET_CONTAINER => nameof(VfioH.VFIO_GROUP_UNSET_CONTAINER),
        VfioH.VFIO_GROUP_GET_DEVICE_FD => nameof(VfioH.VFIO_GROUP_GET_DEVICE_FD),
        _ => base.Describe(caller, command, argument),
    };

    public override void Close() => group.Close();

    private SysResult GetStatus(ICaller caller, ulong argument)
    {
        VfioGroupStatus status = default;
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<VfioGroupStatus>(ref status));
        if (!caller.Memory.TryRead(new Hva(argument), bytes)) return UserFault.Read(argument, (uint)bytes.Length);
        if (status.Argsz < bytes.Length)
            return Errno.EINVAL.Because($"argsz is {status.Argsz}; it must be at least {bytes.Length}");
        if (group.IsGone) return Errno.ENODEV.Because("the group's device is gone");
        status.Flags = group.Status;
        return caller.Memory.TryWrite(new Hva(argument), bytes)
            ? SysResult.Ok()
            : UserFault.Write(argument, (uint)bytes.Length);
    }

    private SysResult SetContainer(ICaller caller, ulong argument)
    {
        int descriptor = 0;
        if (!caller.Memory.TryRead(new Hva(argument), MemoryMarshal.AsBytes(new Span<int>(ref descriptor))))
            return UserFault.Read(argument, sizeof(int));
        Errno errno = caller.GetFile(descriptor, out IOpenFile? file);
        if (errno != Errno.None) return errno;
        errno = group.SetContainer(file!);
        (file as IDisposable)?.Dispose();
        return errno;
    }

    /// <summary>
    /// Returns a new descriptor. No lock is held: placing the file may wait for files that are being closed.
    /// </summary>
    private SysResult GetDevice(ICaller caller, ulong argument)
    {
        Errno errno = ReadName(caller, argument, out string name);
        if (errno != Errno.None) return errno;
        foreach (VfioDevice device in group.Devices)
        {
            errno = device.Ops.Match(name, out bool isMeant);
            if (errno != Errno.None) return errno;
            if (isMeant) return Install(caller, device);
        }

        return Errno.ENODEV.Because("the group has no device of this name");
    }

    /// <summary>
    /// Gives one more descriptor of the open device, or opens it. Another call may open it or close it meanwhile: then
    /// it is tried again.
    /// </summary>
    private SysResult Install(ICaller caller, VfioDevice device)
    {
        for (int attempt = 1; ; attempt++)
        {
            int changes = group.Changes;
            Errno errno = group.FindOpen(device, out VfioDeviceFile? open);
            if (errno != Errno.None) return errno;
            if (open is not null)
            {
                SysResult further = caller.InstallAgain(open);
                if (further.Errno != Errno.EBADF) return further;
            }

            SysResult opened = caller.InstallFile(new DeviceOfGroup(group, device)); // waits for the end of a close
            if (opened.Errno != Errno.EBUSY || attempt == Attempts) return opened;
            group.AwaitChange(changes, s_patience);
        }
    }

    private static Errno ReadName(ICaller caller, ulong address, out string name)
    {
        name = "";
        Span<byte> bytes = stackalloc byte[LongestName];
        for (int done = 0; done < bytes.Length;)
        {
            // Not beyond the page: the name may end where the memory does.
            ulong at = unchecked(address + (uint)done);
            Span<byte> part = bytes.Slice(
                done, (int)Math.Min((ulong)(bytes.Length - done), LongestName - (at % LongestName)));
            if (!caller.Memory.TryRead(new Hva(at), part)) return UserFault.Read(at, (uint)part.Length);
            int end = part.IndexOf((byte)0);
            if (end >= 0)
            {
                name = Encoding.Latin1.GetString(bytes[..(done + end)]);
                return Errno.None;
            }

            done += part.Length;
        }

        return Errno.EINVAL.Because($"the name has more than {LongestName} bytes");
    }

    /// <summary>A device as its group opens it.</summary>
    private sealed class DeviceOfGroup(VfioGroup group, VfioDevice device) : INode
    {
        public string Path => device.Path;

        public uint Major => device.Major;

        public uint Minor => device.Minor;

        public uint Mode => device.Mode;

        public object Exclusion => group;

        public Errno Open(ICarrier carrier, out NodeFile? file) => group.OpenDevice(device, carrier, out file);
    }
}
