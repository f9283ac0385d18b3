using System.Reflection;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd.Compat;
using Ioasis.Iommufd.Ioctls;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Tests.Fuzz;

/// <summary>
/// An ioctl that can be made up: its number and what its structure's fields mean, as far as their names tell.
/// </summary>
internal sealed record CallShape(string Name, uint Number, int Size, IReadOnlyList<CallShape.Field> Fields)
{
    /// <summary>What a value of a field is to be picked from.</summary>
    internal enum Meaning
    {
        Size,
        IoasId,
        HwptId,
        DeviceId,
        FaultId,
        Id,
        Descriptor,
        Flags,
        Address,
        Iova,
        Length,
        Number,
        Reserved,
    }

    /// <summary>Flags that make sense together; those of other calls are mostly 0.</summary>
    private static readonly Dictionary<uint, uint[]> s_flags = new()
    {
        [IommufdH.IOMMU_IOAS_MAP] = [7, 7, 6, 5, 3],
        [IommufdH.IOMMU_IOAS_MAP_FILE] = [7, 7, 6, 5, 3],
        [IommufdH.IOMMU_IOAS_COPY] = [7, 7, 6, 5, 3],
        [IommufdH.IOMMU_HWPT_ALLOC] = [0, 2, 8, 10, 4, 4, 12, 1],
        [IommufdH.IOMMU_HWPT_SET_DIRTY_TRACKING] = [0, 1],
        [IommufdH.IOMMU_HWPT_GET_DIRTY_BITMAP] = [0, 1],
        [VFIO_IOMMU_MAP_DMA] = [1, 2, 3, 3],
        [VFIO_DEVICE_ATTACH_IOMMUFD_PT] = [0, 0, 1],
        [VFIO_DEVICE_DETACH_IOMMUFD_PT] = [0, 0, 1],
        [VFIO_DEVICE_SET_IRQS] = [0x21, 0x22, 0x24, 0x24, 0x24, 0x0c, 0x14, 0x14, 0x09, 0x11],
        [VFIO_DEVICE_IOEVENTFD] = [1, 2, 4, 4],
    };

    /// <summary>All of /dev/iommu, a container's included: what is added to the tables is played too.</summary>
    internal static IReadOnlyList<CallShape> Iommufd { get; } =
    [
        .. IoctlTable.All.Select(r => Of(r.Name, r.Number, r.GetType().GetGenericArguments()[0])),
        .. CompatTable.All.Select(r => r.Size == 0
            ? new CallShape(r.Name, r.Number, 0, [])
            : Of(r.Name, r.Number, r.GetType().GetGenericArguments()[0])),
    ];

    /// <summary>Those of a device's file.</summary>
    internal static IReadOnlyList<CallShape> Device { get; } =
    [
        Of(nameof(VFIO_DEVICE_BIND_IOMMUFD), VFIO_DEVICE_BIND_IOMMUFD, typeof(VfioDeviceBindIommufd)),
        Of(nameof(VFIO_DEVICE_ATTACH_IOMMUFD_PT), VFIO_DEVICE_ATTACH_IOMMUFD_PT, typeof(VfioDeviceAttachIommufdPt)),
        Of(nameof(VFIO_DEVICE_ATTACH_IOMMUFD_PT), VFIO_DEVICE_ATTACH_IOMMUFD_PT, typeof(VfioDeviceAttachIommufdPt)),
        Of(nameof(VFIO_DEVICE_DETACH_IOMMUFD_PT), VFIO_DEVICE_DETACH_IOMMUFD_PT, typeof(VfioDeviceDetachIommufdPt)),
        Of(nameof(VFIO_DEVICE_GET_INFO), VFIO_DEVICE_GET_INFO, typeof(VfioDeviceInfo)),
        Of(nameof(VFIO_DEVICE_GET_REGION_INFO), VFIO_DEVICE_GET_REGION_INFO, typeof(VfioRegionInfo)),
        Of(nameof(VFIO_DEVICE_GET_IRQ_INFO), VFIO_DEVICE_GET_IRQ_INFO, typeof(VfioIrqInfo)),
        Of(nameof(VFIO_DEVICE_SET_IRQS), VFIO_DEVICE_SET_IRQS, typeof(VfioIrqSet)),
        Of(nameof(VFIO_DEVICE_IOEVENTFD), VFIO_DEVICE_IOEVENTFD, typeof(VfioDeviceIoeventfd)),
        new(nameof(VFIO_DEVICE_RESET), VFIO_DEVICE_RESET, 0, []),
        Raw(nameof(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO), VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, 12),
        Raw(nameof(VFIO_DEVICE_PCI_HOT_RESET), VFIO_DEVICE_PCI_HOT_RESET, 12),
        Raw(nameof(VFIO_DEVICE_FEATURE), VFIO_DEVICE_FEATURE, 8),
    ];

    /// <summary>What its flags may sensibly be.</summary>
    internal IReadOnlyList<uint> Flags => s_flags.GetValueOrDefault(Number, [0]);

    private static CallShape Raw(string name, uint number, int size) => new(
        name, number, size,
        [.. Enumerable.Range(0, size / 4).Select(i => new Field(i * 4, 4, i == 0 ? Meaning.Size : Meaning.Number))]);

    private static CallShape Of(string name, uint number, Type type)
    {
        int size = Marshal.SizeOf(type);
        FieldInfo[] fields = [.. type.GetFields(BindingFlags.Public | BindingFlags.Instance).OrderBy(Offset)];
        return new CallShape(name, number, size, [.. fields.Select((f, i) =>
        {
            int offset = Offset(f), width = (i + 1 < fields.Length ? Offset(fields[i + 1]) : size) - offset;
            return new Field(offset, width is 1 or 2 or 8 ? width : 4,
                offset == 0 ? Meaning.Size : MeaningOf(f.Name, width));
        })]);

        int Offset(FieldInfo f) => (int)Marshal.OffsetOf(type, f.Name);
    }

    private static Meaning MeaningOf(string name, int width) => name switch
    {
        _ when name.EndsWith("Iova", StringComparison.Ordinal) => Meaning.Iova,
        "HwptId" => Meaning.HwptId,
        "DevId" => Meaning.DeviceId,
        "FaultId" => Meaning.FaultId,
        _ when name.EndsWith("IoasId", StringComparison.Ordinal) => Meaning.IoasId,
        _ when name.EndsWith("Id", StringComparison.Ordinal) || name == "Pasid" => Meaning.Id,
        _ when name.Contains("Reserved", StringComparison.Ordinal) => Meaning.Reserved,
        _ when name.EndsWith("Fd", StringComparison.Ordinal) || name == "Iommufd" => Meaning.Descriptor,
        "Flags" => Meaning.Flags,
        "Length" or "Size" => Meaning.Length,
        "AllowedIovas" or "Data" or "Vaddr" => Meaning.Address,
        _ when width == 8 && (name.EndsWith("Va", StringComparison.Ordinal)
            || name.EndsWith("Ptr", StringComparison.OrdinalIgnoreCase)) => Meaning.Address,
        _ => Meaning.Number,
    };

    /// <summary>A field of a structure.</summary>
    internal readonly record struct Field(int Offset, int Width, Meaning Meaning);
}
