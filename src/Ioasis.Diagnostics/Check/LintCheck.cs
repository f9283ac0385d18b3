using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Ioasis.Abi;
using Ioasis.Core.Observation;
using static Ioasis.Diagnostics.Check.SeenMachine;

namespace Ioasis.Diagnostics.Check;

/// <summary>Finds calls that work here and are wrong all the same, or would not work elsewhere.</summary>
/// <param name="machine">What is known of the machine.</param>
/// <param name="options">What is looked for.</param>
/// <param name="report">Takes the findings.</param>
internal sealed class LintCheck(SeenMachine machine, CheckOptions options, Action<Finding> report) : MachineObserver
{
    private const int FlagsAt = 4; // of the structures of s_flags
    private const uint Viable = 1; // VFIO_GROUP_FLAGS_VIABLE

    // The Linux that has a call first. Calls that VFIO had before iommufd are not listed.
    private static readonly Dictionary<string, Version> s_since = new()
    {
        ["IOMMU_DESTROY"] = new(6, 2),
        ["IOMMU_IOAS_ALLOC"] = new(6, 2),
        ["IOMMU_IOAS_ALLOW_IOVAS"] = new(6, 2),
        ["IOMMU_IOAS_COPY"] = new(6, 2),
        ["IOMMU_IOAS_IOVA_RANGES"] = new(6, 2),
        ["IOMMU_IOAS_MAP"] = new(6, 2),
        ["IOMMU_IOAS_UNMAP"] = new(6, 2),
        ["IOMMU_OPTION"] = new(6, 2),
        ["IOMMU_VFIO_IOAS"] = new(6, 2),
        ["VFIO_DEVICE_BIND_IOMMUFD"] = new(6, 6),
        ["VFIO_DEVICE_ATTACH_IOMMUFD_PT"] = new(6, 6),
        ["VFIO_DEVICE_DETACH_IOMMUFD_PT"] = new(6, 6),
        ["IOMMU_HWPT_ALLOC"] = new(6, 6),
        ["IOMMU_GET_HW_INFO"] = new(6, 6),
        ["IOMMU_HWPT_SET_DIRTY_TRACKING"] = new(6, 7),
        ["IOMMU_HWPT_GET_DIRTY_BITMAP"] = new(6, 7),
        ["IOMMU_HWPT_INVALIDATE"] = new(6, 8),
        ["IOMMU_FAULT_QUEUE_ALLOC"] = new(6, 11),
        ["IOMMU_IOAS_MAP_FILE"] = new(6, 13),
        ["IOMMU_IOAS_CHANGE_PROCESS"] = new(6, 13),
        ["IOMMU_VIOMMU_ALLOC"] = new(6, 13),
        ["IOMMU_VDEVICE_ALLOC"] = new(6, 13),
        ["IOMMU_VEVENTQ_ALLOC"] = new(6, 15),
        ["IOMMU_HW_QUEUE_ALLOC"] = new(6, 17),
    };

    // The Linux that has a flag first, where that is later than its call. They are bits of the field "flags".
    private static readonly (string Name, uint Flag, string What, Version Since)[] s_flags =
    [
        ("IOMMU_HWPT_ALLOC", IommufdH.IOMMU_HWPT_ALLOC_NEST_PARENT, "NEST_PARENT", new(6, 7)),
        ("IOMMU_HWPT_ALLOC", IommufdH.IOMMU_HWPT_ALLOC_DIRTY_TRACKING, "DIRTY_TRACKING", new(6, 7)),
        ("IOMMU_HWPT_ALLOC", IommufdH.IOMMU_HWPT_FAULT_ID_VALID, "FAULT_ID_VALID", new(6, 11)),
        ("IOMMU_HWPT_ALLOC", IommufdH.IOMMU_HWPT_ALLOC_PASID, "PASID", new(6, 15)),
        ("VFIO_DEVICE_ATTACH_IOMMUFD_PT", VfioH.VFIO_DEVICE_ATTACH_PASID, "a PASID", new(6, 15)),
        ("VFIO_DEVICE_DETACH_IOMMUFD_PT", VfioH.VFIO_DEVICE_DETACH_PASID, "a PASID", new(6, 15)),
    ];

    private readonly Dictionary<(object File, string Name, uint Index), (uint Needed, CallSite Call)> _short = [];
    private readonly ConditionalWeakTable<object, object> _viable = []; // groups that said so

    /// <inheritdoc/>
    internal override void OnCall(in CallEvent e)
    {
        NodeCall call = e.Call;
        if (call.CommandName is not { } name) return;
        if (options.MinLinux is { } oldest) CompareVersion(call, name, oldest);
        if (name is "VFIO_DEVICE_GET_INFO" or "VFIO_DEVICE_GET_REGION_INFO" or "VFIO_IOMMU_GET_INFO")
            CompareSize(call, name);
        if (name == "VFIO_GROUP_GET_STATUS") KeepStatus(call);
        if (name == "VFIO_GROUP_SET_CONTAINER" && !_viable.TryGetValue(call.File, out _)) ReportStatus(call);
    }

    /// <inheritdoc/>
    public override void OnClose(in CloseEvent e)
    {
        object file = e.File;
        foreach ((object, string Name, uint) key in _short.Keys.Where(k => k.File == file).ToArray())
        {
            (uint needed, CallSite site) = _short[key];
            _short.Remove(key);
            report(new Finding
            {
                Kind = CheckKind.ShortArgsz,
                What = Text($"{key.Name} said argsz={needed}, and was not called again with so much room"),
                Process = machine.ProcessOf(file),
                Parts = [new FindingPart("called", site)],
                Hint = "Set argsz to what came back, and call again: the capabilities are behind the structure.",
                Subject = (file, key.Name),
            });
        }
    }

    private static uint WordAt(byte[] bytes, int at) =>
        bytes.Length >= at + sizeof(uint) ? BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at)) : 0;

    private void CompareVersion(NodeCall call, string name, Version oldest)
    {
        bool isOurs = name.StartsWith("IOASIS_", StringComparison.Ordinal);
        if (!s_since.TryGetValue(name, out Version? since) && !isOurs) return;
        string what = name;
        foreach ((string of, uint flag, string option, Version later) in s_flags)
        {
            if (of == name && (WordAt(call.Before, FlagsAt) & flag) != 0 && later > since)
                (since, what) = (later, $"{name} with {option}");
        }

        if (since is not null && since <= oldest) return;
        report(new Finding
        {
            Kind = CheckKind.NewerUapi,
            What = since is null ? $"{what} is in no Linux" : $"{what} is in Linux {since} and later, not in {oldest}",
            Process = machine.ProcessOf(call.File),
            Parts = [new FindingPart("called", CallSites.Of(call))],
            Hint = "Do without it where it fails with ENOTTY.",
            Subject = what,
        });
    }

    private void CompareSize(NodeCall call, string name)
    {
        uint given = WordAt(call.Before, 0), left = WordAt(call.After, 0);
        uint index = name == "VFIO_DEVICE_GET_REGION_INFO" ? WordAt(call.Before, 8) : 0;
        (object, string, uint) key = (call.File, name, index);
        if (call.Result >= 0 && left > given) _short[key] = (left, CallSites.Of(call));
        else if (_short.TryGetValue(key, out (uint Needed, CallSite Call) known) && given >= known.Needed)
            _short.Remove(key);
    }

    private void KeepStatus(NodeCall call)
    {
        if (call.Result >= 0 && (WordAt(call.After, 4) & Viable) != 0) _viable.AddOrUpdate(call.File, call.File);
        else _viable.Remove(call.File);
    }

    private void ReportStatus(NodeCall call) => report(new Finding
    {
        Kind = CheckKind.GroupStatus,
        What = $"{call.Path} was given to a container, and was not known to be viable",
        Process = machine.ProcessOf(call.File),
        Parts = [new FindingPart("called", CallSites.Of(call))],
        Hint = "Ask by VFIO_GROUP_GET_STATUS first: a group with a device of another driver is not viable.",
        Subject = call.File,
    });
}
