using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Passthrough.Sva;
using Ioasis.Passthrough.Vdpa.Ioctls;
using Ioasis.Passthrough.Vfio;
using Ioasis.Passthrough.Vfio.Ioctls;
using Ioasis.Passthrough.Vfio.Pci.Ioctls;

namespace Ioasis.Machine.Nodes;

/// <summary>The ioctls of the nodes of any system, from the tables that serve them here.</summary>
public static class NodeShapes
{
    private const string Group = "/dev/vfio/", Cdev = "/dev/vfio/devices/";

    /// <summary>What Linux calls the file of a VFIO device that its group gave out.</summary>
    public const string DeviceOfGroup = "anon_inode:[vfio-device]";

    /// <summary>What Linux calls the queues that ioctls of /dev/iommu make.</summary>
    public static bool IsQueue(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return path.StartsWith("anon_inode:[iommufd-", StringComparison.Ordinal);
    }

    /// <summary>What the ioctls of a file are called and what their arguments lead to; null if it is no node.</summary>
    /// <param name="path">Where a link in /proc/PID/fd leads to.</param>
    public static Func<uint, IoctlShape?>? Of(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path is "/dev/iommu" or "/dev/vfio/vfio") return IoctlTable.ShapeOf;
        if (path == DeviceOfGroup || path.StartsWith(Cdev, StringComparison.Ordinal)) return OfDevice;
        if (path.StartsWith(Group, StringComparison.Ordinal)) return VfioGroupFile.ShapeOfAny;
        if (path.StartsWith("/dev/vhost-vdpa-", StringComparison.Ordinal)) return VdpaIoctls.ShapeOf;
        return path == "/dev/sva" ? OfSva : null;
    }

    private static IoctlShape? OfDevice(uint command) =>
        VfioIoctls.Table.TryGetValue(command, out VfioIoctl? ioctl)
            || VfioPciIoctls.Table.TryGetValue(command, out ioctl)
            ? new IoctlShape(ioctl.Name, ioctl.Structure)
            : null;

    private static IoctlShape? OfSva(uint command) =>
        SvaIoctls.Table.TryGetValue(command, out Passthrough.Sva.SvaIoctl? ioctl)
            ? ioctl.Shape
            : IoctlTable.ShapeOf(command);
}
