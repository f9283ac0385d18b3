using System.Diagnostics;
using Ioasis.Core.Domains;
using Ioasis.Core.Observation;
using static Ioasis.Diagnostics.Check.SeenMachine;

namespace Ioasis.Diagnostics.Check;

/// <summary>
/// Finds invalidations that are missing. Between the change of an entry and its invalidation a device may use what is
/// kept: that is no mistake. So a use is reported only when no invalidation came until the first stage was detached or
/// the program ended, when the device still uses the entry after one, or when it has used it for seconds.
/// </summary>
/// <param name="machine">What is known of the machine.</param>
/// <param name="report">Takes the findings.</param>
internal sealed class StaleCheck(SeenMachine machine, Action<Finding> report) : MachineObserver
{
    private const int Most = 4096;
    private static readonly TimeSpan s_soon = TimeSpan.FromMilliseconds(100), s_long = TimeSpan.FromSeconds(10);

    private readonly Dictionary<(NestedDomain Domain, ulong Page), Use> _uses = [];

    /// <inheritdoc/>
    public override void OnStaleTranslation(in StaleTranslationEvent e)
    {
        (NestedDomain, ulong) key = (e.Domain, e.Iova.Value >> 12);
        if (!_uses.TryGetValue(key, out Use? use))
        {
            if (_uses.Count < Most) _uses.Add(key, new Use(e));
            return;
        }

        TimeSpan age = Stopwatch.GetElapsedTime(use.Event.Stamp.Timestamp, e.Stamp.Timestamp);
        if (age < s_soon || (!use.IsInvalidated && age < s_long)) return;
        Report(use, use.IsInvalidated
            ? new FindingPart("used again after an invalidation of other entries", use.Invalidated)
            : new FindingPart("never invalidated since"));
    }

    /// <inheritdoc/>
    public override void OnInvalidate(in InvalidateEvent e)
    {
        foreach (((NestedDomain domain, _), Use use) in _uses)
        {
            if (domain != e.Domain && (e.Viommu is null || domain.Viommu != e.Viommu)) continue;
            use.IsInvalidated = true;
            use.Invalidated = machine.SiteOf(e.Stamp);
        }
    }

    /// <inheritdoc/>
    public override void OnDetach(in DetachEvent e) => End(e.Domain);

    /// <inheritdoc/>
    public override void OnAttach(in AttachEvent e)
    {
        if (e.Former is { } former) End(former);
    }

    /// <summary>The program ended, or a first stage is no longer used.</summary>
    internal void End(IommuDomain? domain)
    {
        foreach ((NestedDomain Domain, ulong Page) key in _uses.Keys.Where(k => domain is null || k.Domain == domain)
            .ToArray())
        {
            _uses.Remove(key, out Use? use);
            if (!use!.IsInvalidated) Report(use, new FindingPart("never invalidated since"));
        }
    }

    private void Report(Use use, FindingPart since)
    {
        StaleTranslationEvent e = use.Event;
        SeenDevice device = machine.DeviceOf(e.Endpoint);
        string pasid = e.Pasid is { } given ? Text($"PASID {given.Value}") : "no PASID";
        report(new Finding
        {
            Kind = e.IsOfDevice ? CheckKind.StaleDeviceTlb : CheckKind.StaleTranslation,
            What = $"{(e.IsWrite ? "write" : "read")} at IOVA {DiagnosticsJson.Hex(e.Iova.Value)} by {device.Name} "
                + $"({pasid}, {use.Domain})",
            Process = device.Process,
            Place = new FindingPlace(device.Name, e.Pasid?.Value, e.Iova.Value, use.Domain),
            Parts =
            [
                new FindingPart(e.IsOfDevice
                    ? "the device's own cache (ATS) led it elsewhere than the first stage's tables"
                    : "the unit's IOTLB led it elsewhere than the first stage's tables"),
                since,
            ],
            Hint = e.IsOfDevice
                ? "Invalidate the device's cache after the entry was changed."
                : "Send IOMMU_HWPT_INVALIDATE after the entry was changed, before its memory is used for something "
                    + "else.",
            Subject = (device, e.Pasid, e.Iova.Value >> 12),
        });
    }

    /// <summary>The first use of a page's stale translation.</summary>
    private sealed class Use(StaleTranslationEvent e)
    {
        internal StaleTranslationEvent Event => e;

        internal string Domain { get; } = NameOf(e.Domain);

        internal bool IsInvalidated { get; set; }

        internal CallSite? Invalidated { get; set; }
    }
}
