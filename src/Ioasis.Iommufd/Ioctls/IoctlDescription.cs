using System.Runtime.CompilerServices;
using Ioasis.Abi;
using Ioasis.Iommufd.Compat;
using Ioasis.Iommufd.Files;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>Describes an ioctl of /dev/iommu for an account of calls: its name, and the type of a page table.</summary>
internal static class IoctlDescription
{
    /// <summary>The description; null if the number is unknown.</summary>
    internal static string? Of(ICaller caller, uint command, ulong argument)
    {
        string? name = IoctlTable.Find(command)?.Name
            ?? CompatTable.All.FirstOrDefault(row => row.Number == command)?.Name;
        return command switch
        {
            IOMMU_HWPT_ALLOC when TryRead(caller, argument, out IommuHwptAlloc args) => $"{name}{Table(args)}",
            IOMMU_HWPT_INVALIDATE when TryRead(caller, argument, out IommuHwptInvalidate args)
                && args.DataType == IOMMU_HWPT_INVALIDATE_DATA_VTD_S1 => $"{name} VTD_S1",
            _ => name,
        };
    }

    private static string Table(in IommuHwptAlloc args) =>
        args.DataType == IOMMU_HWPT_DATA_VTD_S1
            ? " VTD_S1"
            : (args.Flags & IOMMU_HWPT_ALLOC_NEST_PARENT) != 0 ? " NEST_PARENT" : "";

    private static bool TryRead<T>(ICaller caller, ulong argument, out T args) where T : unmanaged
    {
        using var memory = new StructMemory(caller.Memory, argument, (uint)Unsafe.SizeOf<T>());
        return UserStruct.Read(in memory, sizeof(uint), out args, out _) == Errno.None;
    }
}
