namespace Ioasis.Iommufd.Objects;

/// <summary>What a program calls the kinds of objects.</summary>
internal static class ObjectNames
{
    /// <summary>The name of a kind of object.</summary>
    internal static string Of(Type kind) =>
        kind == typeof(IommufdIoas) ? "IOAS"
        : kind == typeof(IommufdDevice) ? "device"
        : kind == typeof(HwptPaging) ? "HWPT with mappings"
        : kind == typeof(HwptNested) ? "nested HWPT"
        : kind == typeof(IommufdHwpt) ? "HWPT"
        : kind == typeof(IommufdFaultQueue) ? "fault queue"
        : kind == typeof(IommufdViommu) ? "vIOMMU"
        : kind == typeof(Vdevice) ? "device of a vIOMMU"
        : "object";
}
