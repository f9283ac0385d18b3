using System.Numerics;
using System.Reflection;
using Ioasis.Abi;

namespace Ioasis.Diagnostics.Trace;

/// <summary>
/// The names of the bits of a structure's field <c>flags</c>: constants of the headers with one prefix.
/// </summary>
internal static class FlagNames
{
    private static readonly Dictionary<string, (uint Bit, string Name)[]> s_byStruct = new()
    {
        ["iommu_ioas_map"] = Of(typeof(IommufdH), "IOMMU_IOAS_MAP_"),
        ["iommu_ioas_map_file"] = Of(typeof(IommufdH), "IOMMU_IOAS_MAP_"),
        ["iommu_ioas_copy"] = Of(typeof(IommufdH), "IOMMU_IOAS_MAP_"),
        ["iommu_hwpt_alloc"] = Of(typeof(IommufdH), "IOMMU_HWPT_ALLOC_", "IOMMU_HWPT_"),
        ["iommu_hwpt_set_dirty_tracking"] = Of(typeof(IommufdH), "IOMMU_HWPT_DIRTY_TRACKING_"),
        ["iommu_hwpt_get_dirty_bitmap"] = Of(typeof(IommufdH), "IOMMU_HWPT_GET_DIRTY_BITMAP_"),
        ["vfio_iommu_type1_dma_map"] = Of(typeof(VfioH), "VFIO_DMA_MAP_FLAG_"),
        ["vfio_iommu_type1_dma_unmap"] = Of(typeof(VfioH), "VFIO_DMA_UNMAP_FLAG_"),
        ["vfio_device_info"] = Of(typeof(VfioH), "VFIO_DEVICE_FLAGS_"),
        ["vfio_region_info"] = Of(typeof(VfioH), "VFIO_REGION_INFO_FLAG_"),
        ["vfio_irq_info"] = Of(typeof(VfioH), "VFIO_IRQ_INFO_"),
        ["vfio_irq_set"] = Of(typeof(VfioH), "VFIO_IRQ_SET_"),
        ["vfio_group_status"] = Of(typeof(VfioH), "VFIO_GROUP_FLAGS_"),
        ["vfio_device_bind_iommufd"] = Of(typeof(VfioH), "VFIO_DEVICE_BIND_FLAG_", "VFIO_DEVICE_BIND_"),
        ["vfio_device_attach_iommufd_pt"] = Of(typeof(VfioH), "VFIO_DEVICE_ATTACH_"),
        ["vfio_device_detach_iommufd_pt"] = Of(typeof(VfioH), "VFIO_DEVICE_DETACH_"),
        ["vfio_device_feature"] = [.. Of(typeof(VfioH), "VFIO_DEVICE_FEATURE_").Where(f => f.Bit >= 1 << 16)],
    };

    /// <summary>The bits by their names; those without one, and all where none is known, as a number.</summary>
    internal static string TextOf(string structure, uint value)
    {
        if (value == 0 || !s_byStruct.TryGetValue(structure, out (uint Bit, string Name)[]? names))
            return value == 0 ? "0" : DiagnosticsJson.Hex(value);
        List<string> words = [];
        foreach ((uint bit, string name) in names)
        {
            if ((value & bit) == 0) continue;
            words.Add(name);
            value &= ~bit;
        }

        if (value != 0) words.Add(DiagnosticsJson.Hex(value));
        return string.Join('|', words);
    }

    private static (uint Bit, string Name)[] Of(Type header, params string[] prefixes)
    {
        List<(uint Bit, string Name)> found = [];
        foreach (string prefix in prefixes)
        {
            foreach (FieldInfo field in header.GetFields(BindingFlags.Public | BindingFlags.Static))
            {
                if (!field.IsLiteral || !field.Name.StartsWith(prefix, StringComparison.Ordinal)) continue;
                if (field.GetRawConstantValue() is not uint bit || BitOperations.PopCount(bit) != 1) continue;
                if (!found.Exists(f => f.Bit == bit)) found.Add((bit, field.Name[prefix.Length..]));
            }
        }

        return [.. found.OrderBy(f => f.Bit)];
    }
}
