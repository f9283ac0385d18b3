using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Core.Endpoints;

/// <summary>The parts of the function that have requests of their own: <see cref="EndpointPart"/>.</summary>
public sealed partial class Endpoint
{
    private EndpointPart[] _parts = []; // those with PASIDs of their owners; the lock guards it

    /// <summary>Opens a port for one engine of a part of the function.</summary>
    internal DmaPort OpenPort(EndpointPart part)
    {
        using (_lock.Enter()) return Add(new DmaPort(this, null, part.Pasid, part));
    }

    /// <summary>As <see cref="EndpointPart.Attach"/>.</summary>
    internal IommuStatus AttachPart(
        EndpointPart part, Pasid number, Pasid pasid, IommuDomain domain, object? owner, out Attachment? attachment) =>
        Exchange(new Sender(pasid, part, number), null, domain, owner, out attachment);

    /// <summary>
    /// A part of the function was reset: its page requests are answered. All else stays. A part's ports keep no
    /// translations of their own.
    /// </summary>
    internal void Reset(EndpointPart part) => _requests.Drain(part);

    /// <summary>Lets a part of the function send, or not: see <see cref="EndpointPart.Block"/>.</summary>
    internal void SetBlock(EndpointPart part, SendBlock? block)
    {
        using (_lock.Enter())
        {
            if (part.Block == block) return;
            part.Show(block);
            UpdateRoutes();
            if (block is not null) DmaPort.Quiesce(PortsOf(part));
        }

        if (block is not null) _requests.Drain(part);
    }

    /// <summary>Enters an attachment where requests look it up; null takes it out. The caller holds the lock.</summary>
    private void Enter(Sender sender, Attachment? attachment)
    {
        if (sender.Part is { } part)
        {
            part.Pasids.Set(sender.Number!.Value.Value, attachment);
            bool isKnown = _parts.Contains(part), hasAny = attachment is not null || part.Pasids.All.Any();
            if (isKnown != hasAny) _parts = hasAny ? [.. _parts, part] : [.. _parts.Where(p => p != part)];
        }
        else if (sender.Pasid is { } id) _pasids.Set(id.Value, attachment);
        else _rid = attachment;
    }

    /// <summary>The ports that can send what is attached: all of the function's, or those of one part.</summary>
    private DmaPort[] PortsOf(EndpointPart? part) =>
        part is null ? _ports : [.. _ports.Where(port => port.Part == part)];

    /// <summary>The attachments of PASIDs that a port can send.</summary>
    private IEnumerable<Attachment> PasidsOf(DmaPort port) =>
        port.Part is { } part ? _pasids.All.Concat(part.Pasids.All) : _pasids.All;
}
