namespace Ioasis.Core.PageRequests;

/// <summary>Calls code of a function, or of a part of one, with the answers to its page requests.</summary>
internal sealed class AnswerCallback
{
    /// <summary>Gets what that code throws. If it is null, whoever answers gets it.</summary>
    internal Action<Exception>? Failed { private get; set; }

    /// <summary>Calls the function back with an answer.</summary>
    internal void Tell(Action<PageResponse>? answered, PageResponse response)
    {
        try { answered?.Invoke(response); }
        catch (Exception e) when (Failed is { } failed) { failed(e); }
    }
}
