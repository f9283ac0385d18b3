using Ioasis.Replay.Calls;
using static Ioasis.Abi.IommufdH;
using static Ioasis.Abi.VfioH;

namespace Ioasis.Replay.Generator;

/// <content>The ioctls of a VFIO container and of groups.</content>
public sealed partial class SequenceGenerator
{
    private static readonly string[] s_names = ["0000:00:03.0", "0000:00:04.0"];

    private Call VfioIoas()
    {
        uint op = Chance(3) ? IOMMU_VFIO_IOAS_GET : Chance(8)
            ? IOMMU_VFIO_IOAS_CLEAR
            : Chance(20) ? 3u : IOMMU_VFIO_IOAS_SET;
        return On("vfio_ioas").Set("op", op).Set("ioas_id", op == IOMMU_VFIO_IOAS_SET ? IoasId() : 0);
    }

    private Call VfioMap()
    {
        if (Context.Compat == 0 && !Chance(6)) return VfioIoas();
        ulong length = Length();
        uint flags = Chance(20) ? Pick(0u, 4u, 8u) : Pick(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
            VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE);
        return On("vfio_map").Set("flags", flags)
            .Set("vaddr", UserAddress(length)).Set("iova", FreeIova(Context.Compat)).Set("size", length);
    }

    private Call VfioUnmap()
    {
        if (Context.Compat == 0 && !Chance(6)) return VfioIoas();
        if (Chance(20)) return On("vfio_unmap").Set("flags", Pick(1u, 2u, 2u, 2u, 4u));
        (ulong iova, ulong length) = SomeRange(Context.Compat);
        return On("vfio_unmap").Set("iova", iova).Set("size", length);
    }

    private Call VfioInfo() => On("vfio_info").Set("argsz", Chance(3) ? 256 : (ulong)_random.Next(14, 140));

    private Call Container() => _random.Next(8) switch
    {
        0 => On("api_version"),
        1 or 2 => On("set_iommu")
            .Set("arg", Chance(3) ? VFIO_TYPE1v2_IOMMU : Chance(4) ? (ulong)_random.Next(12) : VFIO_TYPE1_IOMMU),
        3 => On("vfio_dirty").Set("flags", (ulong)_random.Next(4)),
        _ => On("check_extension").Set("arg", $"{_random.Next(13)}"),
    };

    private Call Group()
    {
        int group = _random.Next(2);
        if (!_world.Groups[group].IsOpen && !Chance(6)) return On("open").Set("group", $"{group}");
        if (_world.Groups[group].Context is null && Chance(2)) return SetContainer(group);
        return _random.Next(8) switch
        {
            0 or 1 or 2 => GroupDevice(group),
            3 => On("close").Set(Chance(4) ? "dev" : "group", $"{group}"),
            4 => On("unset_container").Set("group", (ulong)group),
            5 => SetContainer(group),
            _ => On("group_status").Set("group", (ulong)group),
        };
    }

    private Call SetContainer(int group) => On("set_container").Set("group", (ulong)group)
        .Set("fd", Chance(6) ? Pick("file", "badfd", "0xffffffff", "dev0", "group1") : _context == 1 ? "ctx1" : "ctx0");

    private Call GroupDevice(int group)
    {
        string name = s_names[Chance(10) ? 1 - group : group];
        if (Chance(12)) name = Pick($"{name}_", $"{name}x", $"{name}_vf_token=1", name[1..], "");
        return On("group_device").Set("group", (ulong)group).Set("dev", (ulong)group).Set("text", name);
    }
}
