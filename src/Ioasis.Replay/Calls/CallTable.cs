using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Ioasis.Abi;
using static Ioasis.Abi.IommufdH;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Replay.Calls;

/// <summary>The ioctls that sequences are made of. Both players take them from here: the one in C as text.</summary>
public static partial class CallTable
{
    private static readonly Dictionary<string, CallKind> s_byName = new[]
    {
        Iommu<IommuDestroy>("destroy", IOMMU_DESTROY),
        Iommu<IommuIoasAlloc>("ioas_alloc", IOMMU_IOAS_ALLOC),
        Iommu<IommuIoasIovaRanges>("iova_ranges", IOMMU_IOAS_IOVA_RANGES),
        Iommu<IommuIoasAllowIovas>("allow_iovas", IOMMU_IOAS_ALLOW_IOVAS),
        Iommu<IommuIoasMap>("map", IOMMU_IOAS_MAP),
        Iommu<IommuIoasMapFile>("map_file", IOMMU_IOAS_MAP_FILE),
        Iommu<IommuIoasCopy>("copy", IOMMU_IOAS_COPY),
        Iommu<IommuIoasUnmap>("unmap", IOMMU_IOAS_UNMAP),
        Iommu<IommuIoasChangeProcess>("change_process", IOMMU_IOAS_CHANGE_PROCESS),
        Iommu<IommuOption>("option", IOMMU_OPTION),
        Iommu<IommuHwptAlloc>("hwpt_alloc", IOMMU_HWPT_ALLOC),
        Iommu<IommuHwInfo>("hw_info", IOMMU_GET_HW_INFO),
        Iommu<IommuHwptSetDirtyTracking>("set_dirty_tracking", IOMMU_HWPT_SET_DIRTY_TRACKING),
        Iommu<IommuHwptGetDirtyBitmap>("get_dirty_bitmap", IOMMU_HWPT_GET_DIRTY_BITMAP),
        Iommu<IommuFaultAlloc>("fault_queue", IOMMU_FAULT_QUEUE_ALLOC),
        Iommu<IommuHwptInvalidate>("invalidate", IOMMU_HWPT_INVALIDATE),
        Iommu<IommuViommuAlloc>("viommu", IOMMU_VIOMMU_ALLOC),
        Iommu<IommuVdeviceAlloc>("vdevice", IOMMU_VDEVICE_ALLOC),
        Iommu<IommuVeventqAlloc>("veventq", IOMMU_VEVENTQ_ALLOC),
        Iommu<IommuHwQueueAlloc>("hw_queue", IOMMU_HW_QUEUE_ALLOC),
        Iommu<IommuVfioIoas>("vfio_ioas", IOMMU_VFIO_IOAS),
        Plain("api_version", CallTarget.Context, VFIO_GET_API_VERSION),
        Plain("check_extension", CallTarget.Context, VFIO_CHECK_EXTENSION),
        Plain("set_iommu", CallTarget.Context, VFIO_SET_IOMMU),
        Iommu<VfioIommuType1Info>("vfio_info", VFIO_IOMMU_GET_INFO),
        Iommu<VfioIommuType1DmaMap>("vfio_map", VFIO_IOMMU_MAP_DMA),
        Iommu<VfioIommuType1DmaUnmap>("vfio_unmap", VFIO_IOMMU_UNMAP_DMA),
        Iommu<VfioIommuType1DirtyBitmap>("vfio_dirty", VFIO_IOMMU_DIRTY_PAGES),
        Iommu<IommuDestroy>("raw", IOMMU_DESTROY), // the sequence says which number
        Device<VfioDeviceBindIommufd>("bind", VFIO_DEVICE_BIND_IOMMUFD),
        Device<VfioDeviceAttachIommufdPt>("attach", VFIO_DEVICE_ATTACH_IOMMUFD_PT),
        Device<VfioDeviceDetachIommufdPt>("detach", VFIO_DEVICE_DETACH_IOMMUFD_PT),
        new("group_status", CallTarget.Group, VFIO_GROUP_GET_STATUS, Unsafe.SizeOf<VfioGroupStatus>(),
            FieldsOf<VfioGroupStatus>()),
        new("set_container", CallTarget.Group, VFIO_GROUP_SET_CONTAINER, sizeof(int),
            [new CallField("fd", 0, sizeof(int))]),
        Plain("unset_container", CallTarget.Group, VFIO_GROUP_UNSET_CONTAINER),
        // its file becomes that of the device which the sequence says
        Plain("group_device", CallTarget.Group, VFIO_GROUP_GET_DEVICE_FD),
    }.Concat(VdpaCalls()).ToDictionary(k => k.Name);

    /// <summary>The ioctl of a name; null if there is none.</summary>
    public static CallKind? Find(string name) => s_byName.GetValueOrDefault(name);

    /// <summary>One ioctl a line, as player.c reads them: name, what it goes to, number, size, fields.</summary>
    public static IEnumerable<string> Lines() => s_byName.Values.Select(k =>
        $"{k.Name} {(int)k.Target} "
            + $"0x{k.Request:x} {k.Size} {string.Join(' ', k.Fields.Select(f => $"{f.Name}:{f.Offset}:{f.Width}"))}");

    private static CallKind Iommu<T>(string name, uint request) where T : unmanaged =>
        new(name, CallTarget.Context, request, Unsafe.SizeOf<T>(), FieldsOf<T>());

    /// <summary>One whose argument is no structure.</summary>
    private static CallKind Plain(string name, CallTarget target, uint request) => new(name, target, request, 0, []);

    private static CallKind Device<T>(string name, uint request) where T : unmanaged =>
        new(name, CallTarget.Device, request, Unsafe.SizeOf<T>(), FieldsOf<T>());

    private static List<CallField> FieldsOf<T>() where T : unmanaged =>
    [
        .. typeof(T).GetFields(BindingFlags.Public | BindingFlags.Instance)
            .Select(f => new CallField(NameOf(f), (int)Marshal.OffsetOf<T>(f.Name), WidthOf(f.FieldType)))
            .OrderBy(f => f.Offset),
    ];

    private static string NameOf(FieldInfo field) =>
        field.GetCustomAttribute<LinuxFieldAttribute>()?.Name
        ?? Capital().Replace(field.Name, "_$0").ToLowerInvariant();

    private static int WidthOf(Type type) =>
        type.GetCustomAttribute<InlineArrayAttribute>() is { } array
            ? array.Length * WidthOf(
                type.GetFields(BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.Instance)[0].FieldType)
            : Type.GetTypeCode(type) switch
            {
                TypeCode.Byte => 1,
                TypeCode.UInt16 => 2,
                TypeCode.UInt32 or TypeCode.Int32 => 4,
                TypeCode.UInt64 => 8,
                _ => throw new NotSupportedException($"A field of type {type}."),
            };

    [GeneratedRegex("(?<!^)[A-Z]")]
    private static partial Regex Capital();
}
