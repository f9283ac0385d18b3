using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Diagnostics.Check.SeenMachine;

namespace Ioasis.Diagnostics.Check;

/// <summary>Finds page requests without an answer, and answers without a page request.</summary>
/// <param name="machine">What is known of the machine.</param>
/// <param name="report">Takes the findings.</param>
internal sealed class PageRequestCheck(SeenMachine machine, Action<Finding> report) : MachineObserver
{
    private readonly Dictionary<(Endpoint Endpoint, Pasid? Pasid, uint Group), PageRequestEvent> _waiting = [];

    /// <inheritdoc/>
    public override void OnPageRequest(in PageRequestEvent e)
    {
        if (e.Request.IsLast) _waiting[(e.Endpoint, e.Request.Pasid, e.Request.Group)] = e;
    }

    /// <inheritdoc/>
    public override void OnPageResponse(in PageResponseEvent e) => _waiting.Remove((e.Endpoint, e.Pasid, e.Group));

    /// <summary>
    /// A detach answers what waits. Where the program's end or a close does it, nothing is wrong: nobody is left to
    /// answer.
    /// </summary>
    public override void OnDetach(in DetachEvent e)
    {
        if (machine.SiteOf(e.Stamp) is not { } call) return;
        foreach (((Endpoint endpoint, Pasid? pasid, uint group), PageRequestEvent waiting) in _waiting)
        {
            if (endpoint != e.Endpoint || (pasid != e.Pasid && (e.Pasid is not null || e.Domain is not NestedDomain)))
                continue;
            SeenDevice device = machine.DeviceOf(endpoint);
            report(new Finding
            {
                Kind = CheckKind.PageRequestUnanswered,
                What = Text($"group {group} of {device.Name} asks for IOVA ")
                    + $"{DiagnosticsJson.Hex(waiting.Request.Address.Value)} "
                    + (pasid is { } given ? Text($"(PASID {given.Value})") : "(no PASID)"),
                Process = device.Process,
                Place = new FindingPlace(
                    device.Name, pasid?.Value, waiting.Request.Address.Value, NameOf(e.Domain)),
                Parts =
                [
                    new FindingPart($"{NameOf(e.Domain)} was detached "
                        + $"{Milliseconds(waiting.Stamp.Timestamp, e.Stamp.Timestamp)} after the request", call),
                ],
                Hint = "Stop the device, then answer its page requests, then detach: in this order nothing waits.",
                Subject = (device, pasid, group),
            });
        }
    }

    /// <inheritdoc/>
    public override void OnStrayResponse(in StrayResponseEvent e)
    {
        string queue = e.Queue is IommufdObject known ? Text($"fault queue {known.Id}") : "a fault queue";
        report(new Finding
        {
            Kind = CheckKind.PageResponseStray,
            What = Text($"an answer to cookie {e.Cookie} of {queue}, which waits for none"),
            Process = machine.ProcessOf(e.Queue),
            Parts =
            [
                new FindingPart(e.WasGiven
                    ? "the cookie's requests were answered before, or their device was detached meanwhile"
                    : "no request had the cookie"),
            ],
            Hint = "Answer each group that was read once, by the cookie of its requests.",
            Subject = (e.Queue, e.Cookie),
        });
    }
}
