using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;
using Ioasis.Iommufd.Mapping;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Diagnostics.State;

/// <summary>
/// Reads the state of a machine. A program never waits for more than the reading of some hundred mappings.
/// </summary>
/// <param name="nodes">What programs have open: an observer of the machine's.</param>
internal sealed class StateReader(OpenNodes nodes)
{
    /// <summary>The most mappings of an IOAS, and attachments of a device, that are listed.</summary>
    public const int MostListed = 1000;

    private const int AtATime = 500;

    /// <summary>Reads the state.</summary>
    /// <param name="devices">The machine's devices.</param>
    /// <param name="units">Its units.</param>
    /// <param name="pasids">How many PASIDs are given out.</param>
    /// <param name="mdevs">The mdevs; null for none.</param>
    /// <param name="vdpa">More of the vDPA devices; null for nothing.</param>
    public MachineState Read(
        IReadOnlyList<DeviceView> devices, IEnumerable<IommuUnit> units, int pasids,
        IEnumerable<MdevView>? mdevs = null, IReadOnlyList<VdpaState>? vdpa = null)
    {
        ArgumentNullException.ThrowIfNull(devices);
        ArgumentNullException.ThrowIfNull(units);
        Dictionary<Endpoint, string> names = devices.ToDictionary(d => d.Endpoint, d => d.Name);
        List<ContextState> contexts = [];
        foreach ((IommufdContext context, OpenNode node, bool isOpen) in nodes.Contexts)
        {
            contexts.Add(new ContextState(
                node.Number, node.Path, node.Process, isOpen, context.Objects.Budget.Held,
                [.. context.Objects.All<IommufdObject>().Select(one => Of(one, names))]));
        }

        IEnumerable<IommuGroup> groups = devices.Select(d => d.Endpoint.Group).Distinct().OrderBy(g => g.Id);
        return new MachineState(
            nodes.Files, contexts, [.. devices.Select(Of)],
            [
                .. groups.Select(g => new GroupState(
                    g.Id, DomainTypes.NameOf(g.Type),
                    [.. devices.Where(d => d.Endpoint.Group == g).Select(d => d.Name)], g.Owners.Values.Sum())),
            ],
            [.. units.Select(u => new UnitState(u.Name, u.Faults.Count))], pasids, [.. mdevs?.Select(Of) ?? []],
            vdpa ?? []);
    }

    private DeviceState Of(DeviceView device)
    {
        Endpoint endpoint = device.Endpoint;
        return new DeviceState(
            device.Name, device.Model, endpoint.Unit.Name, endpoint.Group.Id, device.Driver, endpoint.CanSend,
            endpoint.OutstandingPageRequests, [.. endpoint.Attachments(MostListed).Select(Of)], Of(device.Engines));
    }

    private MdevState Of(MdevView mdev)
    {
        IommufdIoas? ioas = mdev.Access?.Ioas;
        return new MdevState(
            mdev.Uuid.ToString(), mdev.Type, mdev.Parent, mdev.Node, mdev.Group, mdev.Part?.Pasid.Value,
            mdev.Part?.CanSend, ioas is null ? null : nodes.NumberOf(ioas), ioas?.Id,
            [.. mdev.Part?.Attachments(MostListed).Select(Of) ?? []], Of(mdev.Engines));
    }

    private static IReadOnlyList<EngineState> Of(IReadOnlyList<(string Name, bool IsBusy)>? engines) =>
        [.. (engines ?? []).Select(e => new EngineState(e.Name, e.IsBusy))];

    private AttachmentState Of(Attachment attachment)
    {
        int? process = (attachment.Domain as ProcessDomain)?.Memory.Process;
        return attachment.Domain.Holder is IommufdHwpt hwpt
            ? new AttachmentState(attachment.Pasid?.Value, "hwpt", nodes.NumberOf(hwpt), hwpt.Id, process)
            : new AttachmentState(attachment.Pasid?.Value,
                attachment.IsDefault ? "default" : NameOf(attachment.Domain), Process: process);
    }

    /// <summary>The word for a domain that is no HWPT's.</summary>
    internal static string NameOf(IommuDomain domain) => domain switch
    {
        ProcessDomain => "process",
        IdentityDomain => "identity",
        BlockingDomain => "blocked",
        _ => "other",
    };

    /// <summary>The letters for what devices may do.</summary>
    internal static string NameOf(MapAccess access) => (access & MapAccess.ReadWrite) switch
    {
        MapAccess.ReadWrite => "rw",
        MapAccess.Read => "r",
        MapAccess.Write => "w",
        _ => "-",
    };

    private static ObjectState Of(IommufdObject one, Dictionary<Endpoint, string> names) => one switch
    {
        IommufdIoas ioas => Of(ioas),
        HwptPaging hwpt => new ObjectState(hwpt.Id, "hwpt_paging")
        {
            Ioas = hwpt.Ioas.Id,
            Flags = FlagsOf(hwpt),
            Fault = hwpt.Faults?.Id,
        },
        HwptNested hwpt => new ObjectState(hwpt.Id, "hwpt_nested")
        {
            Parent = hwpt.Parent.Id,
            Flags = FlagsOf(hwpt),
            Fault = hwpt.Faults?.Id,
            FirstStage = (hwpt.Domain as NestedDomain)?.FirstStage is { } stage
                ? new FirstStageState(stage.Format, stage.Root, stage.AddressBits, stage.Flags)
                : null,
        },
        HwptProcess hwpt => new ObjectState(hwpt.Id, "hwpt_process")
        {
            Flags = FlagsOf(hwpt),
            Process = (hwpt.Domain as ProcessDomain)?.Memory.Process,
        },
        IommufdDevice device => new ObjectState(device.Id, "device")
        {
            Device = names.GetValueOrDefault(device.Endpoint, device.Endpoint.Id.ToString()),
            Pasid = device.DefaultPasid?.Value,
        },
        IommufdAccess access => new ObjectState(access.Id, "access") { Ioas = access.Ioas?.Id },
        IommufdFaultQueue queue => Of(queue),
        IommufdViommu viommu => new ObjectState(viommu.Id, "viommu") { Parent = viommu.Parent.Id },
        Vdevice vdevice => new ObjectState(vdevice.Id, "vdevice")
        {
            Viommu = vdevice.Viommu.Id,
            VirtualId = vdevice.VirtualId,
            Device = names.GetValueOrDefault(vdevice.Device.Endpoint),
        },
        VeventQueue queue => new ObjectState(queue.Id, "veventq") { Viommu = queue.Viommu.Id, Type = queue.Type },
        IommufdHwQueue queue => new ObjectState(queue.Id, "hw_queue") { Viommu = queue.Viommu.Id },
        _ => new ObjectState(one.Id, "other"),
    };

    private static ObjectState Of(IommufdFaultQueue queue)
    {
        (int unread, int unanswered) = queue.Groups;
        return new ObjectState(queue.Id, "fault") { Unread = unread, Unanswered = unanswered };
    }

    private static ObjectState Of(IommufdIoas ioas)
    {
        List<AreaView> maps = [];
        ulong from = 0;
        while (maps.Count < MostListed && ioas.Table.List(ref from, AtATime, maps))
        {
        }

        return new ObjectState(ioas.Id, "ioas")
        {
            IovaRanges = [.. ioas.Table.UsableRanges(out _).Select(r => new RangeState(r.First, r.Last))],
            MapCount = ioas.Table.MapCount,
            MappedBytes = (long)Math.Min(ioas.Table.MappedBytes, long.MaxValue),
            Maps = [.. maps.Select(Of)],
        };
    }

    private static MapState Of(AreaView area) => new(
        area.Range.First, area.Range.Last, NameOf(area.Access), area.Memory.IsFile ? null : area.Memory.Address,
        area.Memory.IsFile ? area.Memory.Address : null);

    private static List<string> FlagsOf(IommufdHwpt hwpt)
    {
        List<string> flags = [];
        if (hwpt is HwptPaging { IsAutomatic: true }) flags.Add("auto");
        if (hwpt is HwptPaging { IsNestParent: true }) flags.Add("nest_parent");
        if (hwpt is HwptPaging { TracksDirty: true }) flags.Add("dirty_tracking");
        if (hwpt.PasidCompatible) flags.Add("pasid");
        return flags;
    }
}
