using Ioasis.Core.Endpoints;

namespace Ioasis.Core.PageRequests;

/// <summary>Who answers the page requests of a page table.</summary>
public interface IPageRequestHandler
{
    /// <summary>
    /// Takes a group over: it is answered sooner or later. Called by the thread that reports; does not wait for the
    /// answer.
    /// </summary>
    void Handle(PageRequestGroup group);

    /// <summary>
    /// The attachment is no more: its groups that are not answered yet are answered <see cref="PageResponse.Invalid"/>
    /// before this returns, and any that still come later at once.
    /// </summary>
    void Detached(Attachment attachment);
}
