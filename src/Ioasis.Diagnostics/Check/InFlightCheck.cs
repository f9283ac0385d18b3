using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Memory;
using static Ioasis.Diagnostics.Check.SeenMachine;

namespace Ioasis.Diagnostics.Check;

/// <summary>
/// Finds translations that are taken away while a device uses them: while it moves bytes by them, or within a command
/// that has moved some. Short pieces do not count: by those, devices tell programs that they are done, and a program
/// may see the bytes before the access is over.
/// </summary>
/// <remarks>
/// A command is known to be under way while the device has shown its driver nothing since the access
/// (<see cref="Endpoint.AccessesSinceProgress"/>). What comes of it decides what is reported: a fault is reported as a
/// fault, a reset means that the program stopped the device too late (drain-order), and otherwise the call that took
/// the translation away is reported.
/// </remarks>
/// <param name="machine">What is known of the machine.</param>
/// <param name="report">Takes the findings.</param>
internal sealed class InFlightCheck(SeenMachine machine, Action<Finding> report) : MachineObserver
{
    private const int Most = 1024;

    private readonly List<Taken> _taken = [];

    /// <inheritdoc/>
    public override void OnUnmap(in UnmapEvent e)
    {
        UnmapEvent unmap = e;
        foreach (SeenDevice device in machine.Devices)
        {
            var call = new FindingPart("unmapped", machine.SiteOf(e.Stamp));
            Take(device, CheckKind.UnmapInFlight, call, e.Range,
                a => a.Space == unmap.Space && a.Address <= unmap.Range.Last && a.Last >= unmap.Range.First,
                "Wait until the device is done, or stop it, before the unmap.");
        }
    }

    /// <inheritdoc/>
    public override void OnDetach(in DetachEvent e)
    {
        Pasid? pasid = e.Pasid;
        Take(machine.DeviceOf(e.Endpoint), CheckKind.DetachInFlight,
            new FindingPart($"{NameOf(e.Domain)} was detached", machine.SiteOf(e.Stamp)), null, a => a.Pasid == pasid,
            "Wait until the device is done, or stop it, before it is detached.");
    }

    /// <inheritdoc/>
    public override void OnReset(in ResetEvent e)
    {
        SeenDevice device = machine.DeviceOf(e.Endpoint);
        CallSite? call = machine.SiteOf(e.Stamp);
        foreach (Taken taken in _taken.FindAll(t => t.Device == device))
            Report(call is null || taken.IsOver ? taken : taken.BeforeReset(call));
        _taken.RemoveAll(t => t.Device == device);
        IEnumerable<SeenAccess> accesses = call is null
            ? e.Endpoint.AccessesUnderWay
            : e.Endpoint.AccessesUnderWay.Concat(e.Endpoint.AccessesSinceProgress.Take(1));
        foreach (SeenAccess access in accesses)
        {
            Report(new Taken(device, CheckKind.ResetInFlight, access, [new FindingPart("reset", call)], null,
                "Stop the device's queues before the reset if their memory is to be whole."));
        }
    }

    /// <summary>The device still uses what was taken away. The fault is reported, and says so.</summary>
    public override void OnFault(in FaultEvent e)
    {
        Endpoint endpoint = e.Endpoint;
        _taken.RemoveAll(t => t.Device.Endpoint == endpoint && !t.IsOver);
    }

    /// <inheritdoc/>
    public override void OnInterrupt(in InterruptEvent e) => Settle();

    /// <inheritdoc/>
    internal override void OnCall(in CallEvent e) => Settle();

    /// <inheritdoc/>
    public override void OnClose(in CloseEvent e) => Settle();

    /// <summary>Nothing more will happen.</summary>
    internal void End()
    {
        foreach (Taken taken in _taken) Report(taken);
        _taken.Clear();
    }

    private void Take(SeenDevice device, CheckKind kind, FindingPart call, IovaRange? mapping,
        Predicate<SeenAccess> isTaken, string hint)
    {
        bool isReported = false;
        foreach (SeenAccess access in device.Endpoint.AccessesUnderWay)
        {
            if (access.Length <= Endpoint.LongestStatus || !isTaken(access)) continue;
            Report(Of(access));
            isReported = true;
        }

        // An end of the program, or a close, may come at any time.
        if (isReported || call.Call is null || _taken.Count == Most) return;
        foreach (SeenAccess access in device.Endpoint.AccessesSinceProgress)
        {
            if (!isTaken(access)) continue;
            _taken.Add(Of(access) with { Progress = device.Endpoint.ProgressCount });
            return;
        }

        Taken Of(SeenAccess access)
        {
            ulong first = Math.Max(access.Address, mapping?.First ?? 0);
            List<FindingPart> parts = [call];
            if (mapping is not null && machine.SpaceOf(access.Space).FindUnmapped(first) is { } map)
                parts.Add(new FindingPart("mapped", map.Mapped));
            if (device.LastDoorbell is ({ } doorbell, var rung))
            {
                parts.Add(new FindingPart(
                    Text($"started by a write to BAR{doorbell.Bar}+{DiagnosticsJson.Hex(doorbell.Offset)}"), rung));
            }

            return new Taken(device, kind, access, parts, mapping, hint);
        }
    }

    /// <summary>Reports commands that are over.</summary>
    private void Settle()
    {
        if (_taken.Count == 0) return;
        foreach (Taken taken in _taken)
            if (taken.IsOver) Report(taken);
        _taken.RemoveAll(t => t.IsOver);
    }

    private void Report(Taken taken)
    {
        SeenAccess access = taken.Access;
        report(new Finding
        {
            Kind = taken.Kind,
            What = Text($"{(access.IsWrite ? "write" : "read")} of {access.Length} bytes at IOVA ")
                + $"{DiagnosticsJson.Hex(access.Iova.Value)} by {taken.Device.Name} "
                + (taken.Progress is null ? "is under way" : "belongs to a command that is under way"),
            Process = taken.Device.Process,
            Place = new FindingPlace(
                taken.Device.Name, access.Pasid?.Value, access.Iova.Value, null, taken.Mapping),
            Parts = taken.Parts,
            Hint = taken.Hint,
            Subject = (taken.Device, access.Iova),
        });
    }

    /// <summary>A translation that was taken away while a device used it.</summary>
    /// <param name="Device">The device.</param>
    /// <param name="Kind">What is reported unless something else comes of it.</param>
    /// <param name="Access">The access that used it.</param>
    /// <param name="Parts">The calls.</param>
    /// <param name="Mapping">The addresses that were unmapped; null for a detach.</param>
    /// <param name="Hint">What would be right.</param>
    private sealed record Taken(SeenDevice Device, CheckKind Kind, SeenAccess Access,
        IReadOnlyList<FindingPart> Parts, IovaRange? Mapping, string Hint)
    {
        /// <summary>
        /// How often the device had progressed by then; null if the access itself was under way, not its command.
        /// </summary>
        internal long? Progress { get; init; }

        /// <summary>Whether the command may be over.</summary>
        internal bool IsOver => Progress != Device.Endpoint.ProgressCount;

        /// <summary>The same with the reset that stopped the command.</summary>
        internal Taken BeforeReset(CallSite call) => this with
        {
            Kind = CheckKind.DrainOrder,
            Parts = [Parts[0], new FindingPart("reset after that", call), .. Parts.Skip(1)],
            Hint = "Stop or reset the device first, then detach it or unmap its memory.",
        };
    }
}
