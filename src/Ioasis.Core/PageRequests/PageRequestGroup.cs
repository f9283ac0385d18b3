using Ioasis.Core.Endpoints;

namespace Ioasis.Core.PageRequests;

/// <summary>Page requests that are answered together, and are answered once.</summary>
public sealed class PageRequestGroup
{
    private readonly Action<PageResponse>? _answered;
    private int _isAnswered;

    internal PageRequestGroup(
        Attachment attachment, IReadOnlyList<PageRequest> requests, Action<PageResponse>? answered)
    {
        Attachment = attachment;
        Requests = requests;
        _answered = answered;
    }

    /// <summary>Whose page table the pages are missing from.</summary>
    public Attachment Attachment { get; }

    /// <summary>The requests, the last one last.</summary>
    public IReadOnlyList<PageRequest> Requests { get; }

    /// <summary>Answers the device. Of several answers the first counts.</summary>
    /// <returns>Whether it was this one.</returns>
    public bool Respond(PageResponse response)
    {
        if (Interlocked.Exchange(ref _isAnswered, 1) != 0) return false;
        Attachment.Endpoint.Answered(this, response);
        Attachment.Endpoint.Unit.RespondTo(this, response);
        Attachment.Endpoint.Tell(_answered, response);
        return true;
    }
}
