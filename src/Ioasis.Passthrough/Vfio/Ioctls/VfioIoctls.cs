using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Passthrough.Vfio.Ioctls;

/// <summary>One call, its structure's first bytes read and their size checked.</summary>
internal readonly ref struct VfioCall(VfioDeviceFile file, ICaller caller, ulong argument, ReadOnlySpan<byte> header)
{
    private readonly ReadOnlySpan<byte> _header = header;

    internal VfioDeviceFile File { get; } = file;

    internal VfioDevice Device => File.Device;

    internal ICaller Caller { get; } = caller;

    internal ulong Argument { get; } = argument;

    /// <summary>The structure; what lies beyond the ioctl's minimum size is 0.</summary>
    internal T Read<T>() where T : unmanaged => MemoryMarshal.Read<T>(_header);

    /// <summary>Reads what follows in the caller's memory.</summary>
    internal bool TryRead(uint offset, Span<byte> bytes) =>
        Caller.Memory.TryRead(new Hva(unchecked(Argument + offset)), bytes);

    /// <summary>Writes the first <paramref name="count"/> bytes of a structure back.</summary>
    internal SysResult Return<T>(T value, int count) where T : unmanaged =>
        TryWrite(0, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value))[..count])
            ? SysResult.Ok()
            : UserFault.Write(Argument, (uint)count);

    internal bool TryWrite(uint offset, ReadOnlySpan<byte> bytes) =>
        Caller.Memory.TryWrite(new Hva(unchecked(Argument + offset)), bytes);
}

/// <summary>Does one kind of call.</summary>
internal delegate SysResult VfioHandler(VfioCall call);

/// <summary>An ioctl of a device's file.</summary>
/// <param name="Number">The request number.</param>
/// <param name="Name">Its name in linux/vfio.h.</param>
/// <param name="MinimumSize">Bytes of its structure that are read before anything else, and that its argsz must cover;
/// 0 for no structure.</param>
/// <param name="BeforeBind">Whether a file that is not bound knows it. Such a one reads its structure itself.</param>
/// <param name="Handler">What does it.</param>
internal sealed record VfioIoctl(uint Number, string Name, int MinimumSize, bool BeforeBind, VfioHandler Handler)
{
    /// <summary>The structure, where its first bytes have a fixed form; null for none.</summary>
    internal Type? Structure
    {
        get => Shape.Structure;
        init => Shape = new IoctlShape(Name, value);
    }

    /// <summary>Its name and structure.</summary>
    internal IoctlShape Shape { get; private init; } = new(Name);

    /// <summary>The same with a structure.</summary>
    internal VfioIoctl Of<T>() where T : unmanaged => this with { Structure = typeof(T) };
}

/// <summary>The ioctls that the files of all devices have, and how each ioctl is called.</summary>
internal static class VfioIoctls
{
    private const int LargestMinimum = 32;

    /// <summary>For a kind of device without ioctls of its own.</summary>
    internal static IReadOnlyDictionary<uint, VfioIoctl> None { get; } = new Dictionary<uint, VfioIoctl>();

    /// <summary>All of them, Linux's and ours, by number.</summary>
    internal static IReadOnlyDictionary<uint, VfioIoctl> Table { get; } = new VfioIoctl[]
    {
        new VfioIoctl(VfioH.VFIO_DEVICE_GET_INFO, nameof(VfioH.VFIO_DEVICE_GET_INFO), 16, false, InfoIoctls.GetInfo)
            .Of<VfioDeviceInfo>(),
        new VfioIoctl(VfioH.VFIO_DEVICE_GET_REGION_INFO, nameof(VfioH.VFIO_DEVICE_GET_REGION_INFO), 32, false,
            InfoIoctls.GetRegionInfo)
            .Of<VfioRegionInfo>(),
        new VfioIoctl(VfioH.VFIO_DEVICE_GET_IRQ_INFO, nameof(VfioH.VFIO_DEVICE_GET_IRQ_INFO), 16, false,
            InfoIoctls.GetIrqInfo)
            .Of<VfioIrqInfo>(),
        new VfioIoctl(VfioH.VFIO_DEVICE_SET_IRQS, nameof(VfioH.VFIO_DEVICE_SET_IRQS), 20, false, IrqIoctls.SetIrqs)
            .Of<VfioIrqSet>(),
        new(VfioH.VFIO_DEVICE_RESET, nameof(VfioH.VFIO_DEVICE_RESET), 0, false, static call => call.Device.Ops.Reset()),
        new VfioIoctl(VfioH.VFIO_DEVICE_FEATURE, nameof(VfioH.VFIO_DEVICE_FEATURE), 8, false, FeatureIoctl.Feature)
            .Of<VfioDeviceFeature>(),
        new VfioIoctl(VfioH.VFIO_DEVICE_BIND_IOMMUFD, nameof(VfioH.VFIO_DEVICE_BIND_IOMMUFD), 16, true, BindIoctls.Bind)
            .Of<VfioDeviceBindIommufd>(),
        new VfioIoctl(VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT, nameof(VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT), 12, false,
            BindIoctls.Attach)
            .Of<VfioDeviceAttachIommufdPt>(),
        new VfioIoctl(VfioH.VFIO_DEVICE_DETACH_IOMMUFD_PT, nameof(VfioH.VFIO_DEVICE_DETACH_IOMMUFD_PT), 8, false,
            BindIoctls.Detach)
            .Of<VfioDeviceDetachIommufdPt>(),
        new VfioIoctl(SvaH.IOASIS_VFIO_ATTACH_SVA, nameof(SvaH.IOASIS_VFIO_ATTACH_SVA), 16, false, SvaIoctl.Attach)
            .Of<IoasisVfioAttachSva>(),
    }.ToDictionary(i => i.Number);

    /// <summary>
    /// What an account says of an ioctl: its name, and whether it is about a PASID; null where the number is not known.
    /// </summary>
    internal static string? Describe(VfioDeviceFile file, ICaller caller, uint command, ulong argument)
    {
        if (Find(file, command) is not { } ioctl) return null;
        const int flagsOffset = 4;
        Span<byte> flags = stackalloc byte[sizeof(uint)];
        bool isOfPasid = command is VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT or VfioH.VFIO_DEVICE_DETACH_IOMMUFD_PT
            && caller.Memory.TryRead(new Hva(unchecked(argument + flagsOffset)), flags)
            && (MemoryMarshal.Read<uint>(flags) & VfioH.VFIO_DEVICE_ATTACH_PASID) != 0;
        return isOfPasid ? $"{ioctl.Name} PASID" : ioctl.Name;
    }

    internal static SysResult Dispatch(VfioDeviceFile file, ICaller caller, uint command, ulong argument)
    {
        VfioIoctl? ioctl = Find(file, command);
        if (ioctl is { BeforeBind: true }) return ioctl.Handler(new VfioCall(file, caller, argument, []));
        if (!file.IsGranted)
            return Errno.EINVAL.Because("the device is not bound; VFIO_DEVICE_BIND_IOMMUFD or its group does that");
        if (ioctl is null) return Errno.ENOTTY.Because($"request 0x{command:x} is not known");

        // A group's container decides what its devices are attached to.
        if (file.IsOfGroup && command is VfioH.VFIO_DEVICE_ATTACH_IOMMUFD_PT or VfioH.VFIO_DEVICE_DETACH_IOMMUFD_PT
            or SvaH.IOASIS_VFIO_ATTACH_SVA)
            return Errno.ENOTTY.Because("the device was opened through its group, whose container it uses");
        Span<byte> header = stackalloc byte[LargestMinimum];
        header.Clear();
        if (ioctl.MinimumSize > 0)
        {
            if (!caller.Memory.TryRead(new Hva(argument), header[..ioctl.MinimumSize]))
                return UserFault.Read(argument, (uint)ioctl.MinimumSize);
            if (MemoryMarshal.Read<uint>(header) < ioctl.MinimumSize)
                return Errno.EINVAL.Because(
                    $"argsz is {MemoryMarshal.Read<uint>(header)}; it must be at least {ioctl.MinimumSize}");
        }

        return ioctl.Handler(new VfioCall(file, caller, argument, header));
    }

    /// <summary>The name and structure of a number; null if the file does not know it.</summary>
    internal static IoctlShape? ShapeOf(VfioDeviceFile file, uint command) => Find(file, command)?.Shape;

    private static VfioIoctl? Find(VfioDeviceFile file, uint command) =>
        Table.TryGetValue(command, out VfioIoctl? ioctl) || file.Device.Ops.Ioctls.TryGetValue(command, out ioctl)
            ? ioctl
            : null;
}
