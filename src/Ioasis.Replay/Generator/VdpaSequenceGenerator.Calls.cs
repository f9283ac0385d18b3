using Ioasis.Abi;
using Ioasis.Replay.Calls;
using Ioasis.Replay.InProcess;
using static Ioasis.Abi.VhostH;

namespace Ioasis.Replay.Generator;

/// <content>The calls.</content>
public sealed partial class VdpaSequenceGenerator
{
    private const ulong AsidFeature = 1ul << VHOST_BACKEND_F_IOTLB_ASID;
    private const ulong Version1 = 1ul << 32, AccessPlatform = 1ul << 33, BasicFeatures = Version1 | AccessPlatform;
    private const int Queues = 3, MaxPages = 6;

    /// <summary>IOVAs are few, so that they meet.</summary>
    private const int IovaPages = 64;

    private Call Message(byte kind) =>
        On("message").Set("kind", kind).Set("asid", Chance(4) ? (ulong)_random.Next(4) : (ulong)_random.Next(2));

    private Call Update()
    {
        ulong pages = Chance(3) ? (ulong)_random.Next(1, MaxPages) : 1, iova = Iova();
        ulong size = Chance(40) ? 0 : pages * Place.Page;
        ulong page = (ulong)_random.Next((int)Place.Buffer.Pages + 1) * Place.Page;
        string memory = Chance(12) ? "hole" : Chance(8) ? $"ro+0x{page % Place.ReadOnly.Length:x}" : $"buf+0x{page:x}";
        Call call = Message(VHOST_IOTLB_UPDATE).Set("iova", iova).Set("uaddr", memory)
            .Set("perm", Chance(8) ? (ulong)_random.Next(5) : VHOST_ACCESS_RW);
        if (pages > 1 || !Chance(6)) return call.Set("size", size);

        // A page that is named by bytes within it: what counts is the page.
        ulong offset = Pick<ulong>(0x10, 0x800, 0xff0);
        return call.Set("iova", iova + offset).Set("size", Pick<ulong>(1, 0x10))
            .Set("uaddr", $"buf+0x{page + offset:x}");
    }

    private Call Invalidate()
    {
        for (int attempt = 0; attempt < 8; attempt++)
        {
            Call call = Message(VHOST_IOTLB_INVALIDATE);
            List<(ulong First, ulong Last)> areas = Device.AreasOf(call);
            (ulong First, ulong Size) range = _random.Next(8) switch
            {
                0 => (0ul, Pick(0ul, ulong.MaxValue)), // everything
                1 => (Iova(), 0ul),
                2 => (Iova() + 0x800, 0x10ul),
                3 => (Iova(), (ulong)_random.Next(1, 20) * Place.Page),
                4 => (Iova(), ulong.MaxValue - 0xfff),
                _ when areas.Count > 0 => Whole(areas[_random.Next(areas.Count)]),
                _ => (Iova(), Place.Page),
            };
            call.Set("iova", range.First).Set("size", range.Size);
            if (Device.TakesWholeAreas(call)) return call;
        }

        return Message(VHOST_IOTLB_INVALIDATE).Set("size", ulong.MaxValue);
    }

    private static (ulong First, ulong Size) Whole((ulong First, ulong Last) area) =>
        (area.First, area.Last - area.First + 1);

    private Call Batch() => Message(Chance(2) ? VHOST_IOTLB_BATCH_BEGIN : VHOST_IOTLB_BATCH_END);

    private Call OtherMessage()
    {
        byte kind = Pick<byte>(0, VHOST_IOTLB_MISS, VHOST_IOTLB_ACCESS_FAIL, 7, 200, VHOST_IOTLB_UPDATE);
        Call call = Message(kind).Set("iova", Iova()).Set("size", Place.Page).Set("uaddr", "buf").Set("perm", 3);
        if (Chance(3)) call.Set("version", Pick<ulong>(0, 1, 1, 1, 3, uint.MaxValue));
        if (Chance(2)) call.Set("length", Pick<ulong>(1, 3, 4, 8, 39, 40, 41, 71, 73, 100));
        return call;
    }

    private ulong Iova() => Chance(20) ? Pick(1ul << 32, 1ul << 46) : (ulong)_random.Next(IovaPages) * Place.Page;

    private Call SetStatus() =>
        On("set_status").Set("value",
            Chance(6) ? (ulong)_random.Next(256) : Pick<ulong>(0, 1, 3, 3, 0xb, 0xb, 0xf, 8, 0xc));

    private Call SetFeatures() => On("set_features").Set("value",
        Pick(BasicFeatures, BasicFeatures, BasicFeatures, AccessPlatform, Version1, 0ul, BasicFeatures | (1ul << 60)));

    private Call SetBackend() =>
        On("set_backend").Set("value", Pick<ulong>(0, 6, 0x1e, 0x1e, 0x1e, 0x80, 0x88, 1, ulong.MaxValue, 1ul << 9));

    private Call Number() => On(Pick(
        "device_id", "get_status", "get_status", "get_status", "get_features", "get_backend", "vring_num",
        "config_size", "vqs_count", "group_num", "as_num", "iova_range"));

    private Call Config() => On(Chance(3) ? "set_config" : "get_config")
        .Set("off", Chance(3) ? Pick<ulong>(1, 20, 4096, uint.MaxValue) : 0)
        .Set("len", Chance(4) ? Pick<ulong>(0, 2000, uint.MaxValue) : (ulong)_random.Next(1, 7));

    private Call Vring(string name, ulong number) =>
        On(name).Set("index", QueueIndex()).Set("num", number);

    private ulong QueueIndex() => Chance(10) ? Pick<ulong>(Queues, 99, uint.MaxValue) : (ulong)_random.Next(Queues);

    private ulong RingSize() => Chance(3) ? Pick<ulong>(0, 3, 257, 512, 0xffff, 0x10000, uint.MaxValue)
        : 1ul << _random.Next(9);

    private ulong RingBase() => Chance(4) ? Pick<ulong>(0xffff, 0x10000, uint.MaxValue) : (ulong)_random.Next(300);

    private Call Addresses()
    {
        ulong start = Iova();
        return On("set_vring_addr").Set("index", QueueIndex()).Set("flags", Chance(6) ? (ulong)_random.Next(4) : 0)
            .Set("desc_user_addr", start + (Chance(8) ? (ulong)_random.Next(16) : 0))
            .Set("used_user_addr", start + 0x2000 + (Chance(8) ? (ulong)_random.Next(8) : 0))
            .Set("avail_user_addr", start + 0x1000 + (Chance(8) ? (ulong)_random.Next(4) : 0))
            .Set("log_guest_addr", Chance(8) ? (ulong)_random.Next(8) : 0);
    }

    private Call Event()
    {
        string file = Chance(4) ? Pick("null", "badfd", "file", "0xffffffff", "0xffffffff", "0xfffffffe")
            : Pick("event0", "event1");
        return Chance(5) ? On("set_config_call").Set("value", file)
            : On(Pick("set_vring_kick", "set_vring_call", "set_vring_call", "set_vring_err"))
                .Set("index", QueueIndex()).Set("fd", file);
    }

    private Call Group() => _random.Next(4) switch
    {
        0 => Vring("vring_group", 0),
        1 => Vring("desc_group", 0),
        _ => On("set_group_asid").Set("index", Chance(4) ? QueueIndex() : (ulong)_random.Next(3))
            .Set("num", (ulong)_random.Next(3)),
    };

    private Call Suspension() => On(Pick("suspend", "suspend", "resume"));

    private Call Raw()
    {
        switch (_random.Next(5))
        {
            case 0:
                return On(Pick("reset_owner", "set_log_base", "set_log_fd"));
            case 1:
                return Vring(Pick("set_busyloop", "get_busyloop"), (ulong)_random.Next(100));
            default:
                // Numbers of vhost's type that nobody has, and of VFIO's; none that some other layer answers.
                uint type = Pick(VHOST_VIRTIO, VHOST_VIRTIO, 0x3bu);
                return On("vdpa_raw")
                    .Set("request", Ioc.Io(type, Pick(0xeeu, 0xefu, 0xfeu))).Set("value", QueueIndex());
        }
    }

    /// <summary>Puts a call's structure where it is not, or not as a whole, or cannot be written.</summary>
    private Call Spoil(Call call)
    {
        if (CallTable.Find(call.Name) is not { Size: > 0 } kind) return call;
        return call.Set("at", Pick("hole", "ro", $"cut:{_random.Next(1, kind.Size + 1)}", $"cut:{kind.Size}"));
    }
}
