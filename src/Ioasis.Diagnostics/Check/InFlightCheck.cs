using Ioasis.Core.Observation;
using Ioasis.Memory;
using static Ioasis.Diagnostics.Check.SeenMachine;

namespace Ioasis.Diagnostics.Check;

/// <summary>
/// Finds translations that are taken away while a device moves bytes by them. Short pieces do not count: by those,
/// devices tell programs that they are done, and a program may see the bytes before the access is over.
/// </summary>
/// <param name="machine">What is known of the machine.</param>
/// <param name="report">Takes the findings.</param>
internal sealed class InFlightCheck(SeenMachine machine, Action<Finding> report) : MachineObserver
{
    private const int LongestStatus = 64; // bytes

    /// <inheritdoc/>
    public override void OnUnmap(in UnmapEvent e)
    {
        foreach (SeenDevice device in machine.Devices)
        {
            foreach (SeenAccess access in device.Endpoint.AccessesUnderWay)
            {
                if (access.Length <= LongestStatus || access.Space != e.Space
                    || access.Address > e.Range.Last || access.Last < e.Range.First) continue;
                var call = new FindingPart("unmapped", machine.SiteOf(e.Stamp));
                var parts = machine.SpaceOf(e.Space).FindUnmapped(Math.Max(access.Address, e.Range.First)) is { } map
                    ? (FindingPart[])[call, new FindingPart("mapped", map.Mapped)]
                    : [call];
                Report(CheckKind.UnmapInFlight, device, access, parts, e.Range,
                    "Wait until the device is done, or stop it, before the unmap.");
            }
        }
    }

    /// <inheritdoc/>
    public override void OnDetach(in DetachEvent e)
    {
        SeenDevice device = machine.DeviceOf(e.Endpoint);
        foreach (SeenAccess access in e.Endpoint.AccessesUnderWay)
        {
            if (access.Length <= LongestStatus || access.Pasid != e.Pasid) continue;
            Report(CheckKind.DetachInFlight, device, access,
                [new FindingPart($"{NameOf(e.Domain)} was detached", machine.SiteOf(e.Stamp))], null,
                "Wait until the device is done, or stop it, before it is detached.");
        }
    }

    /// <inheritdoc/>
    public override void OnReset(in ResetEvent e)
    {
        SeenDevice device = machine.DeviceOf(e.Endpoint);
        foreach (SeenAccess access in e.Endpoint.AccessesUnderWay)
            Report(CheckKind.ResetInFlight, device, access, [new FindingPart("reset", machine.SiteOf(e.Stamp))], null,
                "Stop the device's queues before the reset if their memory is to be whole.");
    }

    private void Report(CheckKind kind, SeenDevice device, SeenAccess access, IReadOnlyList<FindingPart> parts,
        IovaRange? mapping, string hint) => report(new Finding
        {
            Kind = kind,
            What = Text($"{(access.IsWrite ? "write" : "read")} of {access.Length} bytes at IOVA ")
                + $"{DiagnosticsJson.Hex(access.Iova.Value)} by {device.Name} is under way",
            Process = device.Process,
            Place = new FindingPlace(device.Name, access.Pasid?.Value, access.Iova.Value, null, mapping),
            Parts = parts,
            Hint = hint,
            Subject = (device, access.Iova),
        });
}
