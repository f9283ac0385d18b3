using Ioasis.Replay.Calls;

namespace Ioasis.Replay.Generator;

/// <content>Queues, and what a guest is given of a unit. The units that are compared refuse the latter: what counts is
/// the order of the checks.</content>
public sealed partial class SequenceGenerator
{
    private Call FaultQueue() => Chance(4) ? On("close").Set("queues", "1")
        : Context.All(World.Kind.Queue).Count > 3 ? On("destroy").Set("id", OneOf(Context.All(World.Kind.Queue)))
        : On("fault_queue").Set("flags", Chance(10) ? 1u : 0);

    private Call Invalidate()
    {
        ulong target = Chance(3) ? AnyId() : OneOf(Context.All(World.Kind.Hwpt));
        Call call = On("invalidate").Set("hwpt_id", target).Set("data_type", Chance(3) ? (ulong)_random.Next(3) : 0);
        if (Chance(4)) return call;
        return call.Set("entry_len", Pick<ulong>(16, 32, 0, 8, 4096, 4097))
            .Set("entry_num", Pick<ulong>(1, 1, 0, 3, 1 << 19, (1 << 19) + 1))
            .Set("data_uptr", Chance(5) ? Pick("hole", "0") : "arr");
    }

    private Call Viommu()
    {
        Call call = On("viommu").Set("type", Chance(6) ? 0 : (ulong)_random.Next(1, 4)).Set("dev_id", DeviceId())
            .Set("hwpt_id", Chance(4) ? AnyId() : OneOf(Context.All(World.Kind.Hwpt)));
        return Chance(4) ? call.Set("data_len", Pick<ulong>(8, 16, 4096)).Set("data_uptr", Pick("hole", "buf")) : call;
    }

    private Call Vdevice() =>
        On("vdevice").Set("viommu_id", AnyId()).Set("dev_id", DeviceId()).Set("virt_id", (ulong)_random.Next(3));

    private Call Veventq() => On("veventq")
        .Set("viommu_id", AnyId()).Set("type", (ulong)_random.Next(3)).Set("veventq_depth", (ulong)_random.Next(3));

    private Call HwQueue() => On("hw_queue").Set("viommu_id", AnyId())
        .Set("type", (ulong)_random.Next(3)).Set("length", Length()).Set("nesting_parent_iova", FreeIova(0));
}
