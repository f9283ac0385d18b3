using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Injection;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.State;
using static Ioasis.Diagnostics.Check.SeenMachine;

namespace Ioasis.Diagnostics.Check;

/// <summary>Says of each refused access what the program did wrong.</summary>
/// <param name="machine">What is known of the machine.</param>
/// <param name="refused">The mappings that were refused.</param>
/// <param name="report">Takes the findings.</param>
internal sealed class FaultCheck(SeenMachine machine, RefusedMaps refused, Action<Finding> report) : MachineObserver
{
    private const int MostEnded = 1000;

    private readonly HashSet<int> _ended = [];
    private readonly HashSet<Endpoint> _injected = []; // devices whose next fault is no mistake of the program's

    /// <inheritdoc/>
    public override void OnInject(in InjectEvent e)
    {
        if (e.Endpoint is { } endpoint && (e.Faults & InjectedFaults.DmaFault) != 0) _injected.Add(endpoint);
    }

    /// <inheritdoc/>
    public override void OnFault(in FaultEvent e)
    {
        if (_injected.Remove(e.Endpoint)) return;
        SeenDevice device = machine.DeviceOf(e.Endpoint);
        DmaFault fault = e.Fault;
        SeenAttachment? attachment = device.AttachedTo(fault.Pasid)
            ?? (fault.Pasid is null || fault.Reason == FaultReason.NotAttached
                ? null
                : device.AttachedTo(null)); // of a PASID in a table of the user's
        List<FindingPart> parts = [];
        Finding finding = fault.Reason switch
        {
            FaultReason.NotAttached => OfDetached(device, in fault, parts),
            FaultReason.NotMapped when fault.Syndrome.Stage == FaultStage.First => OfFirstStage(parts),
            FaultReason.NotMapped => OfUnmapped(device, attachment, in fault, e.Stamp, parts),
            FaultReason.NoPermission => OfPermission(attachment, in fault, parts),
            FaultReason.MemoryGone => OfGoneMemory(device, attachment, in fault, parts),
            FaultReason.BusMasterDisabled => Of(CheckKind.DmaNoBusMaster,
                "Set bit 2 of the PCI command register before the device is started; stop it before the bit is "
                + "cleared."),
            FaultReason.BadTable => Of(CheckKind.BadFirstStage, "The entry, or its reserved bits, must be valid."),
            FaultReason.SendBlocked => Of(CheckKind.DmaAfterDetach, "Reset or stop the device before it is closed."),
            _ => OfUnmapped(device, attachment, in fault, e.Stamp, parts),
        };
        if (fault.Inner != default) parts.Insert(0, new FindingPart($"the first stage gave {fault.Inner}"));
        AddDoorbell(device, e.Stamp, parts);
        report(finding with
        {
            What = What(device, attachment, in fault),
            Process = device.Process,
            Place = finding.Place with
            {
                Device = device.Name,
                Pasid = fault.Pasid?.Value,
                Iova = fault.Iova.Value,
                PageTable = attachment?.Name,
            },
            Parts = parts,
            Subject = (device, fault.Pasid, fault.IsWrite,
                finding.Subject ?? (fault.Reason == FaultReason.NotMapped ? fault.Iova.Value >> 12 : 0)),
        });
    }

    private static Finding Of(CheckKind kind, string hint) => new() { Kind = kind, What = "", Hint = hint };

    private static Finding OfFirstStage(List<FindingPart> parts)
    {
        parts.Add(new FindingPart("the first stage, which the program or its guest owns, has no entry there"));
        return Of(CheckKind.DmaUnmapped,
            "Enter the address in the first stage before the device is started, and stop the device before the entry "
            + "is taken out.");
    }

    private static Finding OfDetached(SeenDevice device, in DmaFault fault, List<FindingPart> parts)
    {
        if (device.WasAttachedTo(fault.Pasid) is not { } ended)
            return Of(CheckKind.DmaNotAttached, "Attach the device, or the PASID, before it is started.");
        parts.Add(new FindingPart($"{ended.Name} was detached", ended.EndedBy));
        parts.Add(new FindingPart("attached", ended.Attached));
        return Of(CheckKind.DmaAfterDetach, "The device still runs: reset or drain it before it is detached.");
    }

    private Finding OfUnmapped(SeenDevice device, SeenAttachment? attachment, in DmaFault fault, EventStamp stamp,
        List<FindingPart> parts)
    {
        if (attachment?.Domain is not { } domain) return OfDetached(device, in fault, parts);
        if (domain is ProcessDomain)
            return Of(CheckKind.DmaUnmapped, "The process has no memory there, or not with that permission.");
        if (attachment.IsDefault && device.WasAttachedTo(fault.Pasid) is not null)
            return OfDetached(device, in fault, parts);
        SpaceHistory space = machine.SpaceOf(domain.Space);
        ulong address = AddressOf(in fault);
        if (space.FindUnmapped(address) is { } unmapped && space.Find(address) is null)
        {
            AddMapping(unmapped, address, parts, ", which was unmapped "
                + $"{Milliseconds(unmapped.UnmappedAt, stamp.Timestamp)} before");
            return Of(CheckKind.DmaAfterUnmap, "The device still uses the address: reset or drain it before the unmap.")
                with
            {
                Place = new FindingPlace(null, Mapping: unmapped.Range),
                Subject = unmapped.Range,
            };
        }

        if (refused.Find(domain, address) is { } map)
        {
            parts.Add(new FindingPart(
                $"its mapping {Hex(map.Range.First)}-{Hex(map.Range.Last)} was refused with {map.Errno}", map.Call));
            return Of(CheckKind.IgnoredErrno, "Look at the result of the call that maps; if it failed, start no DMA.")
                with
            {
                Place = new FindingPlace(null, Mapping: map.Range),
                Subject = map.Range,
            };
        }

        if (space.Nearest(address) is { } near)
        {
            bool isBelow = near.Range.Last < address;
            ulong distance = (isBelow ? address - near.Range.Last : near.Range.First - address) - 1;
            parts.Add(new FindingPart(
                Text($"{Hex(address)} is {distance} bytes {(isBelow ? "after" : "before")} the mapping {Show(near)}")));
            parts.Add(new FindingPart("mapped", near.Mapped));
        }
        else
        {
            parts.Add(new FindingPart($"{attachment.Name} has no mapping at all"));
        }

        return Of(CheckKind.DmaUnmapped, "Map the memory before its address is given to the device.");
    }

    /// <summary>
    /// A process that ends gives its memory back before its files are closed. Where pages are pinned, nothing fails
    /// then, so it is no mistake with memory.
    /// </summary>
    private Finding OfGoneMemory(
        SeenDevice device, SeenAttachment? attachment, in DmaFault fault, List<FindingPart> parts) =>
        HasEnded(device.Process)
            ? OfMapped(attachment, in fault, parts, CheckKind.DeviceLeftRunning,
                "Stop the device before the process ends.")
            : OfMapped(attachment, in fault, parts, CheckKind.DmaIntoFreedMemory,
                "Unmap memory from the I/O address space before it is freed.");

    private bool HasEnded(int process)
    {
        if (process == 0 || _ended.Contains(process)) return process != 0;
        try
        {
            if (File.ReadAllText(Text($"/proc/{process}/maps")).Length != 0) return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // There is no such process, or it is not ours to look at. So it is not the program.
        }

        if (_ended.Count < MostEnded) _ended.Add(process);
        return true;
    }

    private Finding OfPermission(SeenAttachment? attachment, in DmaFault fault, List<FindingPart> parts) =>
        OfMapped(attachment, in fault, parts, CheckKind.DmaNoPermission, fault.IsWrite
            ? "Map the memory with IOMMU_IOAS_MAP_WRITEABLE if the device is to write it."
            : "Map the memory with IOMMU_IOAS_MAP_READABLE if the device is to read it.");

    private Finding OfMapped(
        SeenAttachment? attachment, in DmaFault fault, List<FindingPart> parts, CheckKind kind, string hint)
    {
        ulong address = AddressOf(in fault);
        KnownMap? map = attachment?.Domain is { } domain ? machine.SpaceOf(domain.Space).Find(address) : null;
        if (map is null) return Of(kind, hint);
        AddMapping(map, address, parts, "");
        return Of(kind, hint) with { Place = new FindingPlace(null, Mapping: map.Range), Subject = map.Range };
    }

    private static void AddMapping(KnownMap map, ulong address, List<FindingPart> parts, string rest)
    {
        string at = $"{Hex(address)} is at offset {Hex(address - map.Range.First)} of the mapping {Show(map)}";
        parts.Add(new FindingPart(at + rest, map.Unmapped));
        parts.Add(new FindingPart("mapped", map.Mapped));
    }

    private static void AddDoorbell(SeenDevice device, EventStamp stamp, List<FindingPart> parts)
    {
        if (device.LastDoorbell is not ({ } doorbell, var call)) return;
        parts.Add(new FindingPart($"started by a write of {Hex(doorbell.Value)} to BAR{doorbell.Bar}+"
            + $"{Hex(doorbell.Offset)}, seen {Milliseconds(doorbell.Stamp.Timestamp, stamp.Timestamp)} before", call));
    }

    /// <summary>The address in the I/O address space: behind a first stage, what that gave.</summary>
    private static ulong AddressOf(in DmaFault fault) =>
        fault.Inner != default ? fault.Inner.Value : fault.Iova.Value;

    private static string What(SeenDevice device, SeenAttachment? attachment, in DmaFault fault)
    {
        string pasid = fault.Pasid is { } given ? Text($"PASID {given.Value}") : "no PASID";
        return $"{(fault.IsWrite ? "write" : "read")} at IOVA {Hex(fault.Iova.Value)} by {device.Name} ({pasid}, "
            + $"{attachment?.Name ?? "not attached"})";
    }

    private static string Show(KnownMap map) =>
        $"{Hex(map.Range.First)}-{Hex(map.Range.Last)} {StateReader.NameOf(map.Access)} of "
        + (map.IsFile ? $"a file at {Hex(map.Address)}" : $"memory at {Hex(map.Address)}");

    private static string Hex(ulong value) => DiagnosticsJson.Hex(value);
}
