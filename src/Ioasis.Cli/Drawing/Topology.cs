using System.Globalization;
using Ioasis.Diagnostics.State;

namespace Ioasis.Cli.Drawing;

/// <summary>A thing of a machine as it is drawn.</summary>
/// <param name="Rank">Its column: unit, group, device, requests, page table, address space.</param>
/// <param name="Lines">What stands in its box; the first is its name.</param>
internal sealed record TopologyThing(int Rank, IReadOnlyList<string> Lines)
{
    /// <summary>What stands within its box: the page tables that are nested on it.</summary>
    internal List<TopologyThing> Parts { get; } = [];

    /// <summary>Whose part it is.</summary>
    internal TopologyThing? Within { get; set; }
}

/// <summary>
/// What a machine consists of and what programs made in it, in six ranks from the unit to the memory, and what leads to
/// what. It is what the page's topology has.
/// </summary>
internal sealed class Topology
{
    private readonly MachineState _state;
    private readonly Dictionary<(int Context, uint Id), TopologyThing> _objects = [];
    private readonly Dictionary<int, TopologyThing> _processes = [];
    private readonly Dictionary<string, TopologyThing> _devices = [];

    internal Topology(MachineState state)
    {
        _state = state;
        var units = new Dictionary<string, TopologyThing>();
        foreach (UnitState unit in state.Units) units[unit.Name] = Add(0, unit.Name, Plural(unit.Faults, "fault"));
        foreach (ContextState context in state.Contexts) AddObjects(context);
        var groups = new Dictionary<int, TopologyThing>();
        foreach (GroupState group in state.Groups)
        {
            groups[group.Group] = Add(1, $"group {group.Group}", group.Type, group.Claims == 0 ? null : "claimed");
            foreach (string unit in state.Devices.Where(d => d.Group == group.Group).Select(d => d.Unit).Distinct())
                Join(units.GetValueOrDefault(unit), groups[group.Group]);
        }

        foreach (DeviceState device in state.Devices)
        {
            TopologyThing thing = _devices[device.Device] = Add(2, device.Device, device.Model,
                device.Driver ?? "no driver", device.CanSend ? "bus master" : "bus master off", Busy(device.Engines),
                device.PageRequests == 0 ? null : Plural(device.PageRequests, "page request"));
            Join(groups.GetValueOrDefault(device.Group), thing);
            AddRequests(thing, device.Attachments);
        }

        foreach (MdevState mdev in state.Mdevs)
        {
            TopologyThing thing = Add(2, $"mdev {mdev.Type}", $"of {mdev.Parent}", Busy(mdev.Engines));
            Join(mdev.Group is { } group ? groups.GetValueOrDefault(group) : _devices.GetValueOrDefault(mdev.Parent),
                thing);
            AddRequests(thing, mdev.Attachments);
            if (mdev is not { Context: { } context, Ioas: { } ioas }) continue;
            TopologyThing access = Add(3, "accesses", "by software");
            Join(thing, access);
            Join(access, _objects.GetValueOrDefault((context, ioas)));
        }
    }

    /// <summary>All things, those of a rank in their order.</summary>
    internal List<TopologyThing> Things { get; } = [];

    /// <summary>Which leads to which.</summary>
    internal List<(TopologyThing From, TopologyThing To)> Edges { get; } = [];

    /// <summary>A size in words: a whole number of the largest unit that divides it.</summary>
    internal static string Size(long bytes)
    {
        string[] names = ["bytes", "KiB", "MiB", "GiB", "TiB"];
        int unit = 0;
        for (; unit + 1 < names.Length && bytes >= 1024 && bytes % 1024 == 0; unit++) bytes /= 1024;
        return string.Create(CultureInfo.InvariantCulture, $"{bytes} {names[unit]}");
    }

    private void AddObjects(ContextState context)
    {
        // spaces first, and parents before what is nested on them: what is led to is there
        foreach (ObjectState one in context.Objects.OrderBy(o => o.Kind == "ioas" ? 0 : o.Parent is null ? 1 : 2))
        {
            string? where = _state.Contexts.Count > 1 ? $"context {context.Context}" : null;
            TopologyThing? thing = one.Kind switch
            {
                "ioas" => Add(5, $"IOAS {one.Id}", Plural(one.MapCount ?? 0, "map"), Size(one.MappedBytes ?? 0), where),
                "hwpt_paging" => Add(4, $"HWPT {one.Id}",
                    one.Flags?.Contains("nest_parent") == true ? "second stage" : "paging", where),
                "hwpt_nested" => Add(4, $"HWPT {one.Id}", "nested: 1st stage", where),
                "hwpt_process" => Add(4, $"HWPT {one.Id}", "a process", where),
                _ => null,
            };
            if (thing is null) continue;
            _objects[(context.Context, one.Id)] = thing;
            if (one.Ioas is { } ioas) Join(thing, _objects.GetValueOrDefault((context.Context, ioas)));
            if (one.Kind == "hwpt_process") Join(thing, Process(one.Process ?? context.Process));
            if (one.Parent is not { } parent
                || _objects.GetValueOrDefault((context.Context, parent)) is not { } outer) continue;
            outer.Parts.Add(thing);
            thing.Within = outer;
        }
    }

    private void AddRequests(TopologyThing device, IReadOnlyList<AttachmentState> attachments)
    {
        foreach (AttachmentState one in attachments)
        {
            string name = one.Pasid is { } pasid ? $"PASID {pasid}" : "no PASID";
            TopologyThing requests = Add(3, name, one.Hwpt is null ? $"{one.Domain} domain" : null);
            Join(device, requests);
            if (one is { Context: { } context, Hwpt: { } hwpt })
                Join(requests, _objects.GetValueOrDefault((context, hwpt)));
            else if (one.Process is { } process) Join(requests, Process(process));
        }
    }

    private TopologyThing Process(int number) => _processes.TryGetValue(number, out TopologyThing? known)
        ? known
        : _processes[number] = Add(5, "process", $"{number}", "its own memory");

    private TopologyThing Add(int rank, params IEnumerable<string?> lines)
    {
        var thing = new TopologyThing(rank, [.. lines.OfType<string>()]);
        Things.Add(thing);
        return thing;
    }

    private void Join(TopologyThing? from, TopologyThing? to)
    {
        if (from is not null && to is not null) Edges.Add((from, to));
    }

    private static string? Busy(IReadOnlyList<EngineState> engines) => engines.Count == 0 ? null
        : engines.Count(e => e.IsBusy) is > 0 and var busy ? $"{Plural(busy, "engine")} busy" : "engines idle";

    private static string Plural(long count, string one) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} {one}{(count == 1 ? "" : "s")}");
}
