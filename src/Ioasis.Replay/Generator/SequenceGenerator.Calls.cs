using Ioasis.Abi;
using Ioasis.Replay.Calls;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Replay.Generator;

/// <content>How each call is made up: mostly such that it can succeed.</content>
public sealed partial class SequenceGenerator
{
    private const ulong Page = 4096, BufferPages = 1024;
    private static readonly ulong[] s_corners =
        [0, 0xfee0_0000, 0xfef0_0000, 1UL << 39, 1UL << 47, 1UL << 48, 1UL << 52, 1UL << 63];

    private World.Context Context => _world.Contexts[_context];

    private static Call On(string name) => new(name);

    private Call IoasAlloc() =>
        Context.All(World.Kind.Ioas).Count > 6 ? Destroy() : On("ioas_alloc").Set("flags", Chance(40) ? 1u : 0);

    private Call Destroy() => On("destroy").Set("id", AnyId());

    private Call Map()
    {
        ulong ioas = IoasId(), length = Length();
        return On("map").Set("ioas_id", ioas).Set("flags", MapFlags())
            .Set("length", length).Set("user_va", UserAddress(length)).Set("iova", FreeIova(ioas));
    }

    private Call MapFile()
    {
        ulong ioas = IoasId(), length = Length();
        return On("map_file").Set("ioas_id", ioas)
            .Set("flags", MapFlags()).Set("length", length).Set("start", FileOffset(length))
            .Set("fd", Chance(25) ? Pick("badfd", "null", "null", "0xffffffff") : "file").Set("iova", FreeIova(ioas));
    }

    private Call Copy()
    {
        ulong source = MappedIoasId(), destination = IoasId();
        (ulong iova, ulong length) = SomeRange(source);
        return On("copy").Set("src_ioas_id", source).Set("dst_ioas_id", destination).Set("flags", MapFlags())
            .Set("length", length).Set("src_iova", iova).Set("dst_iova", FreeIova(destination));
    }

    private Call Unmap()
    {
        ulong ioas = MappedIoasId();
        (ulong iova, ulong length) = Chance(30) ? (0, ulong.MaxValue) : SomeRange(ioas);
        return On("unmap").Set("ioas_id", ioas).Set("iova", iova).Set("length", length);
    }

    private Call IovaRanges() => On("iova_ranges").Set("ioas_id", IoasId())
        .Set("num_iovas", Chance(4) ? (ulong)_random.Next(4) : 16)
        .Set("allowed_iovas", Chance(15) ? Pick("hole", "ro", "arr+0xff0", "arr+0xff8") : "arr");

    private Call AllowIovas()
    {
        Call call = On("allow_iovas").Set("ioas_id", IoasId());
        int count = Chance(3) ? 0 : _random.Next(1, 4);
        if (count == 0) return call;
        var ranges = new List<string>();
        ulong at = Chance(4) ? 0 : Page * (ulong)_random.Next(512);
        for (int i = 0; i < count; i++)
        {
            ulong first = Chance(20) ? Pick(s_corners) : at;
            ulong last = Chance(20) ? first : first + (Page * (ulong)_random.Next(1, 600)) - 1;
            if (Chance(12)) last = Pick(ulong.MaxValue, (1UL << 48) - 1, (1UL << 48) + 1, 0xfedf_ffff, 0xfee0_0000);
            ranges.Add($"0x{first:x}-0x{last:x}");
            at = last + (Chance(6) ? 0 : 1 + (Page * (ulong)_random.Next(64)));
        }

        if (Chance(3)) ranges.Reverse();
        return call.Set("num_iovas", (ulong)(Chance(20) ? count + 300 : count)).Set("ranges", string.Join(',', ranges))
            .Set("allowed_iovas", Chance(20) ? Pick("hole", "arr+0xff0", "arr+0xff8") : "arr");
    }

    private Call Option()
    {
        bool mode = Chance(4);
        return On("option").Set("option_id", mode ? IOMMU_OPTION_RLIMIT_MODE : IOMMU_OPTION_HUGE_PAGES)
            .Set("op", Chance(3) ? IOMMU_OPTION_OP_GET : Chance(15) ? 2u : IOMMU_OPTION_OP_SET)
            .Set("object_id", mode ? 0 : IoasId()).Set("val64", (ulong)_random.Next(Chance(8) ? 3 : 2));
    }

    private Call HwptAlloc()
    {
        Call call = On("hwpt_alloc").Set("dev_id", DeviceId()).Set("pt_id", Chance(6) ? AnyId() : IoasId());
        if (Chance(4))
            call.Set("flags", Pick(IOMMU_HWPT_ALLOC_NEST_PARENT, IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
                    IOMMU_HWPT_FAULT_ID_VALID, IOMMU_HWPT_ALLOC_PASID, IOMMU_HWPT_ALLOC_PASID, 9u));
        if (Chance(8))
            call.Set("data_type", (ulong)_random.Next(3))
                .Set("data_len", Pick<ulong>(0, 16, 24, 8)).Set("data_uptr", Chance(3) ? "hole" : "buf");
        if (Chance(6)) call.Set("fault_id", Chance(4) ? AnyId() : OneOf(Context.All(World.Kind.Queue)));
        return call;
    }

    private Call HwInfo()
    {
        Call call = On("hw_info")
            .Set("dev_id", DeviceId()).Set("data_len", Pick<ulong>(24, 24, 0, 8, 23, 40, 4096, 5000));
        if (!Chance(4)) call.Set("data_uptr", Chance(10) ? Pick("hole", "ro") : "arr");
        return Chance(3) ? call.Set("flags", IOMMU_HW_INFO_FLAG_INPUT_TYPE)
            .Set("in_data_type", (ulong)_random.Next(4)) : call;
    }

    private Call Dirty()
    {
        IReadOnlyList<ulong> hwpts = Context.All(World.Kind.Hwpt);
        ulong hwpt = Chance(5) ? AnyId() : OneOf(hwpts);
        if (Chance(2)) return On("set_dirty_tracking").Set("hwpt_id", hwpt).Set("flags", (ulong)_random.Next(3));
        return On("get_dirty_bitmap")
            .Set("hwpt_id", hwpt).Set("flags", (ulong)_random.Next(3)).Set("iova", Page * (ulong)_random.Next(400))
            .Set("length", Length())
            .Set("page_size", Pick<ulong>(4096, 4096, 1 << 21, 0, 3)).Set("data", Chance(5) ? "hole" : "arr");
    }

    /// <summary>
    /// Numbers that nobody serves: of another size or direction, beyond the last and (beyond what type1 has) below the
    /// first.
    /// </summary>
    private Call Raw() => On("raw").Set("request", Pick<ulong>(
        0x3b7f, 0x3bff, IOMMU_IOAS_MAP | 0x4004_0000, IOMMU_DESTROY | 0xc008_0000, 0x3c80, 0x8004_3b81))
        .Set("id", AnyId());

    private Call OpenOrClose()
    {
        int device = _random.Next(2);
        if (Chance(12)) return On("close").Set("ctx", $"{_context}");
        return On(_world.Devices[device].IsOpen && !Chance(4) ? "close" : "open").Set("dev", $"{device}");
    }

    private Call Bind()
    {
        Call call = On("bind").Set("dev", (ulong)Device(d => d.IsOpen && d.Context is null))
            .Set("iommufd", Chance(12) ? Pick("file", "badfd", "0xffffffff", "dev1") : _context == 1 ? "ctx1" : "ctx0");
        if (Chance(20)) call.Set("flags", Pick<ulong>(1, 2)).Set("token_uuid_ptr", Pick("hole", "buf"));
        return call;
    }

    private Call Attach()
    {
        int index = Device(d => d.Context is not null);
        if (!Chance(8))
        {
            if (!_world.Devices[index].IsOpen) return On("open").Set("dev", $"{index}");
            if (_world.Devices[index].Context is null)
                return On("bind").Set("dev", (ulong)index).Set("iommufd", $"ctx{_context}");
        }

        World.Context context = _world.Devices[index].Context ?? Context;
        IReadOnlyList<ulong> hwpts = context.All(World.Kind.Hwpt), ioases = context.All(World.Kind.Ioas);
        ulong target = Chance(12) ? (ulong)_random.Next(12) : OneOf(hwpts.Count > 0 && Chance(3) ? hwpts : ioases);
        Call call = On("attach").Set("dev", (ulong)index).Set("pt_id", target);
        return Chance(12) ? WithPasid(call) : call;
    }

    private Call Detach()
    {
        Call call = On("detach").Set("dev", (ulong)Device(d => d.IsAttached));
        return Chance(12) ? WithPasid(call) : call;
    }

    private Call WithPasid(Call call) =>
        call.Set("flags", VfioH.VFIO_DEVICE_ATTACH_PASID)
        .Set("pasid", Pick<ulong>(0, 1, 5, 1 << 20, (1 << 20) - 1, 1UL << 31, uint.MaxValue));

    /// <summary>One of the devices, rather one that something can be done with.</summary>
    private int Device(Predicate<World.Device> rather)
    {
        int device = _random.Next(2);
        return rather(_world.Devices[device]) || Chance(8) ? device : 1 - device;
    }

    private ulong IoasId() => Chance(25) ? AnyId() : OneOf(Context.All(World.Kind.Ioas));

    /// <summary>Rather one that has something mapped.</summary>
    private ulong MappedIoasId()
    {
        ulong[] mapped = [.. Context.All(World.Kind.Ioas).Where(i => Context.Areas(i).Count > 0)];
        return mapped.Length == 0 || Chance(12) ? IoasId() : OneOf(mapped);
    }

    private ulong DeviceId() => Chance(12) ? AnyId() : OneOf(Context.All(World.Kind.Device));

    private ulong AnyId() => Chance(3)
        ? (ulong)_random.Next(12)
        : Chance(20) ? Pick<ulong>(uint.MaxValue, 0x7fff_ffff, 1000) : OneOf([.. Context.Objects.Keys]);

    private ulong OneOf(IReadOnlyList<ulong> ids) =>
        ids.Count == 0 ? (ulong)_random.Next(4) : ids[_random.Next(ids.Count)];

    private ulong MapFlags()
    {
        uint flags = Pick(IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE, IOMMU_IOAS_MAP_READABLE,
            IOMMU_IOAS_MAP_WRITEABLE);
        if (Chance(25)) flags = Pick(0u, 8u);
        return flags | (Chance(3) ? 0 : IOMMU_IOAS_MAP_FIXED_IOVA);
    }

    private ulong Length() => _random.Next(40) switch
    {
        0 => 0,
        1 => (ulong)_random.Next(1, 20_000),
        2 => Pick(ulong.MaxValue, ulong.MaxValue - Page, ulong.MaxValue / 2, 1UL << 47, 1UL << 30,
            ulong.MaxValue - Page + 1),
        3 => 512 * Page,
        4 => BufferPages * Page,
        < 8 => Page * (ulong)_random.Next(16, 600),
        _ => Page * (ulong)_random.Next(1, 9),
    };

    private string UserAddress(ulong length)
    {
        ulong page = (ulong)_random.Next((int)BufferPages);
        if (Chance(3)) page &= ~((1UL << _random.Next(10)) - 1);
        if (!Chance(10) && page * Page + length > BufferPages * Page)
            page = length >= BufferPages * Page ? 0 : BufferPages - (length + Page - 1) / Page;
        ulong offset = page * Page;
        return _random.Next(30) switch
        {
            0 => "hole",
            1 => "ro",
            2 => $"ro+0x{Page * (ulong)_random.Next(20):x}",
            3 => $"buf+0x{offset + (ulong)_random.Next(4096):x}",
            4 => $"0x{Pick(0UL, ulong.MaxValue - Page + 1, ulong.MaxValue, 1UL << 47, (1UL << 47) - Page, Page):x}",
            _ => $"buf+0x{offset:x}",
        };
    }

    private ulong FileOffset(ulong length)
    {
        if (Chance(20))
            return Pick<ulong>(ulong.MaxValue, ulong.MaxValue - Page + 1, BufferPages * Page, 1, 0x801, 1UL << 63,
            (1UL << 63) - Page);
        ulong pages = (length + Page - 1) / Page;
        return pages >= BufferPages
            ? 0
            : Page * (ulong)_random.Next((int)(BufferPages - pages) + (Chance(10) ? 10 : 1));
    }

    /// <summary>Where to map: mostly in a small space, so that mappings meet.</summary>
    private ulong FreeIova(ulong ioas)
    {
        List<World.Area> areas = Context.Areas(ioas);
        return _random.Next(20) switch
        {
            0 => unchecked(Pick(s_corners) + (Page * (ulong)_random.Next(4)) - (Page * (ulong)_random.Next(4))),
            1 => (ulong)_random.Next(1 << 22),
            2 => ulong.MaxValue - (ulong)_random.Next(3),
            < 8 when areas.Count > 0 => AfterOneOf(areas),
            < 10 => (ulong)_random.Next(16) << 21,
            _ => Page * (ulong)_random.Next(1, 400),
        };
    }

    private ulong AfterOneOf(List<World.Area> areas)
    {
        (ulong iova, ulong length, _) = areas[_random.Next(areas.Count)];
        return unchecked(iova + length);
    }

    /// <summary>
    /// A range for a copy or an unmap: a mapping, several of them, a part of one, or more than there is.
    /// </summary>
    private (ulong Iova, ulong Length) SomeRange(ulong ioas)
    {
        List<World.Area> areas = Context.Areas(ioas);
        if (areas.Count == 0 || Chance(15)) return (FreeIova(ioas), Length());
        (ulong iova, ulong length, _) = areas[_random.Next(areas.Count)];
        ulong pages = length / Page;
        return unchecked(_random.Next(12) switch
        {
            0 => (iova, length + Page),
            1 => (iova - Page, length + (2 * Page)),
            2 when pages > 1 => (iova, Page * (ulong)_random.NextInt64(1, (long)Math.Min(pages, 1 << 20))),
            3 when pages > 1 => (iova + (Page * (ulong)_random.NextInt64(1, (long)Math.Min(pages, 1 << 20))), Page),
            4 => (iova + (ulong)_random.Next(4096), (ulong)_random.Next(1, 5000)),
            5 => (iova, 64 * Page),
            6 => (iova - (16 * Page), 128 * Page),
            _ => (iova, length),
        });
    }
}
