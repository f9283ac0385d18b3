using Ioasis.Abi;
using Ioasis.Iommufd.Compat;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory.Threads;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>
/// Every ioctl of /dev/iommu that we serve: its number, structure, smallest size and handler. The rules for sizes and
/// zero tails are checked here for all of them.
/// </summary>
internal static class IoctlTable
{
    // Linux adds numbers of its own from 0x80 on, so plug-ins begin well above. One number below is theirs as well:
    // that of Linux's selftest ioctl (IOMMU_TEST_CMD).
    private const uint FirstOfPlugins = 0xc0, OfSelftest = IOMMUFD_CMD_BASE + 32;

    // The last number is the end, in bytes, of the last field that the ioctl's first version had.
    private static readonly IoctlEntry[] s_rows =
    [
        new IoctlEntry<IommuDestroy>(IOMMU_DESTROY, nameof(IOMMU_DESTROY), 8, ObjectIoctls.Destroy),
        new IoctlEntry<IommuIoasAlloc>(IOMMU_IOAS_ALLOC, nameof(IOMMU_IOAS_ALLOC), 12, IoasIoctls.Allocate),
        new IoctlEntry<IommuIoasAllowIovas>(IOMMU_IOAS_ALLOW_IOVAS, nameof(IOMMU_IOAS_ALLOW_IOVAS), 24,
            IoasIoctls.AllowIovas),
        new IoctlEntry<IommuIoasCopy>(IOMMU_IOAS_COPY, nameof(IOMMU_IOAS_COPY), 40, MapIoctls.Copy),
        new IoctlEntry<IommuIoasIovaRanges>(IOMMU_IOAS_IOVA_RANGES, nameof(IOMMU_IOAS_IOVA_RANGES), 32,
            IoasIoctls.IovaRanges),
        new IoctlEntry<IommuIoasMap>(IOMMU_IOAS_MAP, nameof(IOMMU_IOAS_MAP), 40, MapIoctls.Map),
        new IoctlEntry<IommuIoasUnmap>(IOMMU_IOAS_UNMAP, nameof(IOMMU_IOAS_UNMAP), 24, MapIoctls.Unmap),
        new IoctlEntry<IommuOption>(IOMMU_OPTION, nameof(IOMMU_OPTION), 24, OptionIoctls.Option),
        new IoctlEntry<IommuVfioIoas>(IOMMU_VFIO_IOAS, nameof(IOMMU_VFIO_IOAS), 12, CompatIoasIoctls.VfioIoas),
        new IoctlEntry<IommuHwptAlloc>(IOMMU_HWPT_ALLOC, nameof(IOMMU_HWPT_ALLOC), 24, HwptIoctls.Allocate),
        new IoctlEntry<IommuHwInfo>(IOMMU_GET_HW_INFO, nameof(IOMMU_GET_HW_INFO), 32, HwptIoctls.HardwareInfo),
        new IoctlEntry<IommuHwptSetDirtyTracking>(
            IOMMU_HWPT_SET_DIRTY_TRACKING, nameof(IOMMU_HWPT_SET_DIRTY_TRACKING), 16, DirtyIoctls.SetTracking),
        new IoctlEntry<IommuHwptGetDirtyBitmap>(IOMMU_HWPT_GET_DIRTY_BITMAP, nameof(IOMMU_HWPT_GET_DIRTY_BITMAP), 48,
            DirtyIoctls.GetBitmap),
        new IoctlEntry<IommuIoasMapFile>(IOMMU_IOAS_MAP_FILE, nameof(IOMMU_IOAS_MAP_FILE), 40, MapIoctls.MapFile),
        new IoctlEntry<IommuIoasChangeProcess>(IOMMU_IOAS_CHANGE_PROCESS, nameof(IOMMU_IOAS_CHANGE_PROCESS), 8,
            IoasIoctls.ChangeProcess),
        new IoctlEntry<IommuFaultAlloc>(IOMMU_FAULT_QUEUE_ALLOC, nameof(IOMMU_FAULT_QUEUE_ALLOC), 16,
            FaultIoctls.Allocate),
        new IoctlEntry<IommuHwptInvalidate>(IOMMU_HWPT_INVALIDATE, nameof(IOMMU_HWPT_INVALIDATE), 32,
            InvalidateIoctl.Invalidate),
        new IoctlEntry<IommuViommuAlloc>(IOMMU_VIOMMU_ALLOC, nameof(IOMMU_VIOMMU_ALLOC), 24, ViommuIoctls.Allocate),
        new IoctlEntry<IommuVdeviceAlloc>(IOMMU_VDEVICE_ALLOC, nameof(IOMMU_VDEVICE_ALLOC), 24,
            ViommuIoctls.AllocateDevice),
        new IoctlEntry<IommuVeventqAlloc>(IOMMU_VEVENTQ_ALLOC, nameof(IOMMU_VEVENTQ_ALLOC), 28,
            ViommuIoctls.AllocateEventQueue),
        new IoctlEntry<IommuHwQueueAlloc>(IOMMU_HW_QUEUE_ALLOC, nameof(IOMMU_HW_QUEUE_ALLOC), 40,
            ViommuIoctls.AllocateHwQueue),
    ];

    // Serializes additions by plug-ins. Serving reads the table without it.
    private static readonly RankedLock s_addLock = new(LockRank.IoctlTable);

    // Indexed by number minus IOMMUFD_CMD_BASE. Replaced as a whole, never changed.
    private static volatile IoctlEntry?[] s_byNumber = BuildIndex();

    /// <summary>Iommufd's own rows, for documentation and tests.</summary>
    internal static IReadOnlyList<IoctlEntry> All => s_rows;

    /// <summary>Serves an ioctl.</summary>
    internal static SysResult Execute(IommufdContext context, ICaller caller, uint command, ulong argument)
    {
        // numbers below the base wrap to large ones
        uint index = unchecked((uint)Ioc.Nr(command) - IOMMUFD_CMD_BASE);
        IoctlEntry?[] byNumber = s_byNumber;
        if (index >= byNumber.Length) return CompatTable.Execute(context, caller, command, argument);

        // As on Linux, EFAULT for an unreadable structure takes precedence over ENOTTY for an unknown number.
        if (byNumber[index] is not { } entry || entry.Number != command)
            return UserStruct.TryRead(caller.Memory, argument, out uint _)
                ? Errno.ENOTTY.Because($"request 0x{command:x} is not known")
                : UserFault.Read(argument, sizeof(uint));
        return entry.Execute(context, caller, argument);
    }

    /// <summary>The row for a number, including plug-ins' rows; null if there is none.</summary>
    internal static IoctlEntry? Find(uint command)
    {
        uint index = unchecked((uint)Ioc.Nr(command) - IOMMUFD_CMD_BASE);
        IoctlEntry?[] byNumber = s_byNumber;
        return index < byNumber.Length && byNumber[index] is { } entry && entry.Number == command ? entry : null;
    }

    /// <summary>The name and structure of a number, a container's included; null if it is not known.</summary>
    internal static IoctlShape? ShapeOf(uint command) => Find(command)?.Shape
        ?? CompatTable.All.FirstOrDefault(row => row.Number == command)?.Shape;

    /// <summary>Adds a plug-in's row.</summary>
    /// <returns>What is wrong with its number; null if it was added.</returns>
    internal static string? TryAdd(IoctlEntry row)
    {
        uint number = Ioc.Nr(row.Number), type = Ioc.Type(IOMMU_DESTROY);
        bool isFree = number >= FirstOfPlugins || number == OfSelftest;
        if (!isFree || row.Number != Ioc.Io(type, number))
            return $"0x{row.Number:x} is no number for it; numbers from 0x{Ioc.Io(type, FirstOfPlugins):x} to "
                + $"0x{Ioc.Io(type, 0xff):x} are";
        if (row.MinimumSize < sizeof(uint) || row.MinimumSize > (uint)row.Size)
            return $"{row.MinimumSize} is no minimum size for it; {sizeof(uint)} to {row.Size} bytes are";
        using (s_addLock.Enter())
        {
            uint index = Ioc.Nr(row.Number) - IOMMUFD_CMD_BASE;
            IoctlEntry?[] table = s_byNumber;
            if (index < table.Length && table[index] is { } taken) return $"0x{row.Number:x} is {taken.Name}'s number";
            IoctlEntry?[] larger = new IoctlEntry?[Math.Max(index + 1, (uint)table.Length)];
            table.CopyTo(larger, 0);
            larger[index] = row;
            s_byNumber = larger;
            return null;
        }
    }

    private static IoctlEntry?[] BuildIndex()
    {
        var index = new IoctlEntry?[IOMMUFD_CMD_HW_QUEUE_ALLOC - IOMMUFD_CMD_BASE + 1];
        foreach (IoctlEntry row in s_rows) index[Ioc.Nr(row.Number) - IOMMUFD_CMD_BASE] = row;
        return index;
    }
}
