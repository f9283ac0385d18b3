using System.Text;
using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;
using Ioasis.Iommufd.Objects;
using Ioasis.Machine.Nodes;

namespace Ioasis.Machine.Sysfs;

/// <summary>The IOMMU groups, in /sys/kernel/iommu_groups.</summary>
internal static class SysfsGroups
{
    private const int CAP_SYS_RAWIO = 17, CAP_SYS_ADMIN = 21;

    // The sizes of the words that can be written, with a newline or without. The filter lets writes of
    // 8 bytes through, as a signal of an eventfd is one, so "identity" without a newline is EINVAL.
    private static readonly uint[] s_typeSizes = [3, 4, 5, 6, 7, 9];

    /// <summary>Adds a group of functions.</summary>
    internal static void Add(SysfsTree tree, IommuGroup group)
    {
        string directory = AddDirectory(tree, group.Id);
        AddType(tree, directory, () => DomainTypes.NameOf(group.Type), group.SetType);
        tree.Add(new VirtualFile($"{directory}/reserved_regions", () => Text(group.ReservedRegions)));
    }

    /// <summary>Adds a group without endpoints. There is no IOMMU, so it has no default domain.</summary>
    internal static void AddEmulated(SysfsTree tree, int id, string name)
    {
        string directory = AddDirectory(tree, id);
        tree.Text($"{directory}/name", name);
        AddType(tree, directory, () => DomainTypes.NameOf(null), static _ => IommuStatus.Invalid);
        tree.Add(new VirtualFile($"{directory}/reserved_regions", static () => []));
    }

    /// <summary>A device is a member of a group.</summary>
    internal static void AddMember(SysfsTree tree, int group, string name, string device)
    {
        tree.Link($"{device}/iommu_group", DirectoryOf(group));
        tree.Link($"{DirectoryOf(group)}/devices/{name}", device);
    }

    private static string DirectoryOf(int group) => $"/sys/kernel/iommu_groups/{group}";

    private static string AddDirectory(SysfsTree tree, int group)
    {
        string directory = DirectoryOf(group);
        tree.Directory(directory, merged: false);
        tree.Directory($"{directory}/devices", merged: false);
        return directory;
    }

    private static void AddType(
        SysfsTree tree, string directory, Func<string> show, Func<DomainType?, IommuStatus> set) =>
        tree.Add(new VirtualFile($"{directory}/type", () => SysfsTree.Line(show()), SysfsTree.OwnerWrites)
        {
            StoreSizes = s_typeSizes,
            StoreCapabilities = [CAP_SYS_ADMIN, CAP_SYS_RAWIO],
            StoresVectors = false,
            Store = (text, answer) => answer(Store(text, set)),
        });

    // As Linux compares, one newline at the end does not count, and nothing behind a zero byte.
    private static Errno Store(ReadOnlySpan<byte> text, Func<DomainType?, IommuStatus> set)
    {
        int end = text.IndexOf((byte)0);
        if (end >= 0) text = text[..end];
        if (text.EndsWith("\n"u8)) text = text[..^1];
        if (!DomainTypes.TryParse(Encoding.UTF8.GetString(text), out DomainType? type)) return Errno.EINVAL;
        return set(type).ToErrno();
    }

    private static byte[] Text(IReadOnlyList<ReservedRegion> regions) =>
        Encoding.ASCII.GetBytes(string.Concat(regions.Select(region =>
            $"0x{region.Range.First:x16} 0x{region.Range.Last:x16} {region.KindName}\n")));
}
