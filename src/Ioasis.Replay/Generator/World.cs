using System.Globalization;
using Ioasis.Abi;
using Ioasis.Replay.Calls;
using Ioasis.Replay.InProcess;

namespace Ioasis.Replay.Generator;

/// <summary>
/// What a generator believes there is, from the answers that calls had. It may be wrong without harm: it makes
/// sequences get deep, it judges nothing.
/// </summary>
internal sealed class World
{
    internal enum Kind
    {
        Ioas,
        Hwpt,
        Device,
        Queue,
    }

    // A kernel with IOMMU_TEST_CMD takes this flag of a copy for its tests' (MOCK_FLAGS_ACCESS_SYZ).
    private const ulong TestFlag = 1 << 16;

    private const ulong MaxPasids = 1 << 20;

    internal Context[] Contexts { get; } = [new(), new()];

    internal Device[] Devices { get; } = [new(), new()];

    internal Group[] Groups { get; } = [new(), new()];

    /// <summary>Takes note of a call and its answer.</summary>
    internal void Observe(Call call, string answer)
    {
        if (!answer.StartsWith('0')) return;
        Context context = Contexts[call.IndexOf("ctx")];
        Device device = Devices[call.IndexOf("dev")];
        Group group = Groups[call.IndexOf("group")];
        switch (call.Name)
        {
            case "reset":
                for (int i = 0; i < 2; i++)
                    (Contexts[i], Devices[i], Groups[i]) = (new Context(), new Device(), new Group());
                break;
            case "open" or "close" when call.Find("ctx") is not null:
                Contexts[call.IndexOf("ctx")] = new Context { IsOpen = call.Name == "open" };
                break;
            case "open" or "close" when call.Find("group") is not null:
                Groups[call.IndexOf("group")] = new Group { IsOpen = call.Name == "open" };
                break;
            case "close" when call.Find("queues") is not null:
                break;
            case "open":
                if (device.Context is { } before) before.Objects.Remove(device.Id);
                Devices[call.IndexOf("dev")] = new Device { IsOpen = true };
                break;
            case "close":
                if (device.Context is { } former) former.Objects.Remove(device.Id);
                Devices[call.IndexOf("dev")] = new Device();
                break;
            case "ioas_alloc":
                context.Objects[Value(call, answer, "out_ioas_id")] = Kind.Ioas;
                break;
            case "hwpt_alloc":
                context.Objects[Value(call, answer, "out_hwpt_id")] = Kind.Hwpt;
                break;
            case "destroy":
                context.Objects.Remove(Value(call, answer, "id"));
                context.Forget(Value(call, answer, "id"));
                break;
            case "fault_queue":
                context.Objects[Value(call, answer, "out_fault_id")] = Kind.Queue;
                break;
            case "option" when Number(call.Find("op")) == IommufdH.IOMMU_OPTION_OP_SET
                && Number(call.Find("val64")) == 0:
                context.Cuttable.Add(Number(call.Find("object_id")));
                break;
            case "set_iommu":
                context.Cuttable.Add(context.Compat);
                break;
            case "vfio_ioas" when Number(call.Find("op")) != IommufdH.IOMMU_VFIO_IOAS_CLEAR:
                context.Compat = Value(call, answer, "ioas_id");
                context.Objects[context.Compat] = Kind.Ioas;
                break;
            case "vfio_ioas":
                context.Compat = 0;
                break;
            case "vfio_map":
                Place named = Place.Of(Place.Resolve(call.Find("vaddr") ?? "0"));
                bool isThere = named.Writable
                    && named.Contains(Place.Resolve(call.Find("vaddr") ?? "0"), Number(call.Find("size")));
                context.Areas(context.Compat)
                    .Add(new Area(Number(call.Find("iova")), Number(call.Find("size")), isThere));
                break;
            case "vfio_unmap" when Number(call.Find("flags")) != 0:
                context.Areas(context.Compat).Clear();
                break;
            case "vfio_unmap":
                context.Cut(context.Compat, Number(call.Find("iova")), Number(call.Find("size")));
                break;
            case "set_container":
                group.Context = Contexts[call.Find("fd") == "ctx1" ? 1 : 0];
                break;
            case "unset_container":
                group.Context = null;
                break;
            case "group_device":
                Devices[call.IndexOf("dev")] =
                    new Device { IsOpen = true, IsOfGroup = true, IsAttached = true, Context = group.Context };
                break;
            case "map":
                Place memory = Place.Of(Place.Resolve(call.Find("user_va") ?? "0"));
                bool there = memory.Contains(Place.Resolve(call.Find("user_va") ?? "0"), Value(call, answer, "length"));
                context.Areas(Value(call, answer, "ioas_id")).Add(
                    new Area(Value(call, answer, "iova"), Value(call, answer, "length"), there && memory.Writable));
                break;
            case "map_file":
                there = call.Find("fd") == "file" && new Place("", 0, Place.Buffer.Pages, true)
                    .Contains(Value(call, answer, "start"), Value(call, answer, "length"));
                context.Areas(Value(call, answer, "ioas_id"))
                    .Add(new Area(Value(call, answer, "iova"), Value(call, answer, "length"), there));
                break;
            case "copy":
                there = context.CanCopy(Number(call.Find("src_ioas_id")), Number(call.Find("src_iova")),
                    Number(call.Find("length")), wholeOnly: false);
                context.Areas(Value(call, answer, "dst_ioas_id"))
                    .Add(new Area(Value(call, answer, "dst_iova"), Value(call, answer, "length"), there));
                break;
            case "unmap":
                ulong first = Number(call.Find("iova")), length = Number(call.Find("length"));
                context.Areas(Value(call, answer, "ioas_id"))
                    .RemoveAll(a => a.Iova >= first && a.Iova - first < length);
                break;
            case "bind":
                device.Context = Contexts[call.Find("iommufd") == "ctx1" ? 1 : 0];
                device.Id = Value(call, answer, "out_devid");
                device.Context.Objects[device.Id] = Kind.Device;
                break;
            case "attach" when device.Context is { } bound:
                device.IsAttached = true;
                device.HasPasids |= Number(call.Find("flags")) != 0 && Number(call.Find("pasid")) != 0;
                bound.Objects.TryAdd(Value(call, answer, "pt_id"), Kind.Hwpt);
                break;
            case "detach":
                device.IsAttached = false;
                break;
        }
    }

    /// <summary>
    /// Whether a call may be part of a sequence: where we are known to differ, and why, docs/uapi.md says.
    /// </summary>
    internal bool Allows(Call call) => call.Name switch
    {
        "copy" => (Number(call.Find("flags")) & TestFlag) == 0 && Contexts[call.IndexOf("ctx")].CanCopy(
            Number(call.Find("src_ioas_id")), Number(call.Find("src_iova")), Number(call.Find("length")),
            wholeOnly: true),
        // A second file of the device would take the place of the first, which no call could close any more.
        "group_device" => !Devices[call.IndexOf("dev")].IsOfGroup,

        // What a refused unmap has cut stays cut on Linux (docs/uapi.md, 15).
        "vfio_unmap" when Contexts[call.IndexOf("ctx")] is var context && context.Cuttable.Contains(context.Compat) =>
            Number(call.Find("flags")) != 0
            || (Number(call.Find("size")) != 0
                && ((Number(call.Find("size")) | Number(call.Find("iova"))) & (Place.Page - 1)) == 0
                && Number(call.Find("iova")) <= ulong.MaxValue - Number(call.Find("size"))),
        "attach" when Devices[call.IndexOf("dev")].HasPasids
            && (Number(call.Find("flags")) == 0 || Number(call.Find("pasid")) == 0) => false,
        "attach" when call.Find("at") == "ro" && Number(call.Find("flags")) != 0 => false,
        "attach" => Number(call.Find("pasid")) is < MaxPasids or > int.MaxValue
            || Devices[call.IndexOf("dev")]
            .Context?.Objects.GetValueOrDefault(Number(call.Find("pt_id"))) is not Kind.Hwpt,
        _ => true,
    };

    private static ulong Value(Call call, string answer, string field) =>
        Number(answer.Split(' ').FirstOrDefault(
            w => w.StartsWith(field + "=", StringComparison.Ordinal))?[(field.Length + 1)..] ?? call.Find(field));

    private static ulong Number(string? text) => text is null ? 0
        : text.StartsWith("0x", StringComparison.Ordinal)
            && ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                out ulong hex) ? hex
        : ulong.TryParse(text, CultureInfo.InvariantCulture, out ulong value) ? value : 0;

    /// <summary>Something mapped, and whether its memory is there to the last byte.</summary>
    internal readonly record struct Area(ulong Iova, ulong Length, bool IsThere);

    internal sealed class Context
    {
        private readonly Dictionary<ulong, List<Area>> _areas = [];

        internal bool IsOpen { get; init; } = true;

        internal SortedDictionary<ulong, Kind> Objects { get; } = [];

        /// <summary>The IOAS of a container's ioctls; 0 for none.</summary>
        internal ulong Compat { get; set; }

        /// <summary>The IOASes whose mappings an unmap may cut.</summary>
        internal HashSet<ulong> Cuttable { get; } = [];

        internal List<Area> Areas(ulong ioas) =>
            _areas.TryGetValue(ioas, out List<Area>? areas) ? areas : _areas[ioas] = [];

        /// <summary>An object is gone.</summary>
        internal void Forget(ulong id)
        {
            Areas(id).Clear();
            Cuttable.Remove(id);
            if (Compat == id) Compat = 0;
        }

        /// <summary>A range was unmapped, from within a mapping or to within one.</summary>
        internal void Cut(ulong ioas, ulong first, ulong length)
        {
            List<Area> areas = Areas(ioas);
            foreach (Area area in areas.ToArray())
            {
                if (area.Iova > first + (length - 1) || first > area.Iova + (area.Length - 1)) continue;
                areas.Remove(area);
                if (area.Iova < first) areas.Add(area with { Length = first - area.Iova });
                ulong end = first + length;
                if (area.Iova + (area.Length - 1) >= end)
                    areas.Add(area with { Iova = end, Length = area.Iova + area.Length - end });
            }
        }

        /// <summary>
        /// Whether no mapping in a range, or none that the range has a part of, refers to memory that is not all there.
        /// A part of such a mapping is one that we refuse to a device and Linux need not (docs/uapi.md, 2).
        /// </summary>
        internal bool CanCopy(ulong ioas, ulong iova, ulong length, bool wholeOnly) =>
            !Areas(ioas).Exists(a => !a.IsThere
            && iova <= a.Iova + (a.Length - 1) && a.Iova <= iova + (length - 1)
            && !(wholeOnly && iova <= a.Iova && iova + (length - 1) >= a.Iova + (a.Length - 1)));

        internal IReadOnlyList<ulong> All(Kind kind) => [.. Objects.Where(o => o.Value == kind).Select(o => o.Key)];
    }

    internal sealed class Device
    {
        internal bool IsOpen { get; init; }

        internal Context? Context { get; set; }

        internal ulong Id { get; set; }

        internal bool IsAttached { get; set; }

        internal bool HasPasids { get; set; }

        internal bool IsOfGroup { get; init; }
    }

    internal sealed class Group
    {
        internal bool IsOpen { get; init; }

        internal Context? Context { get; set; }
    }
}
