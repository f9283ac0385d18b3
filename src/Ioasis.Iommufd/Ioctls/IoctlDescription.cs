using System.Runtime.CompilerServices;
using Ioasis.Abi;
using Ioasis.Core.Units;
using Ioasis.Iommufd.Compat;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Iommufd.Ioctls;

/// <summary>
/// Describes an ioctl of /dev/iommu for an account of calls: its name, and the type of a page table or an invalidation
/// by the unit's name for it.
/// </summary>
internal static class IoctlDescription
{
    /// <summary>The description; null if the number is unknown.</summary>
    internal static string? Of(ObjectTable objects, ICaller caller, uint command, ulong argument)
    {
        string? name = IoctlTable.Find(command)?.Name
            ?? CompatTable.All.FirstOrDefault(row => row.Number == command)?.Name;
        string? data = command switch
        {
            IOMMU_HWPT_ALLOC when TryRead(caller, argument, out IommuHwptAlloc args) => NameOf(objects, in args),
            IOMMU_HWPT_INVALIDATE when TryRead(caller, argument, out IommuHwptInvalidate args) =>
                UnitOf(objects, args.HwptId)?.NameOf(UserDataKind.Invalidation, args.DataType),
            _ => null,
        };
        return data is null ? name : $"{name} {data}";
    }

    private static string? NameOf(ObjectTable objects, in IommuHwptAlloc args) =>
        args.DataType != IOMMU_HWPT_DATA_NONE
            ? UnitOf(objects, args.DevId)?.NameOf(UserDataKind.PageTable, args.DataType)
        : (args.Flags & IOMMU_HWPT_ALLOC_NEST_PARENT) != 0 ? "NEST_PARENT"
        : null;

    /// <summary>The unit of a device, page table or vIOMMU.</summary>
    private static IommuUnit? UnitOf(ObjectTable objects, uint id)
    {
        Errno errno = objects.TryGet(id, out ObjectTable.Held<IommufdObject> held);
        using ObjectTable.Held<IommufdObject> used = held;
        if (errno != Errno.None) return null;
        return used.Value switch
        {
            IommufdDevice device => device.Endpoint.Unit,
            IommufdHwpt hwpt => hwpt.Domain.Owner,
            IommufdViommu viommu => viommu.Unit,
            _ => null,
        };
    }

    private static bool TryRead<T>(ICaller caller, ulong argument, out T args) where T : unmanaged
    {
        using var memory = new StructMemory(caller.Memory, argument, (uint)Unsafe.SizeOf<T>());
        return UserStruct.Read(in memory, sizeof(uint), out args, out _) == Errno.None;
    }
}
