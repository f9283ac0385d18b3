using System.Globalization;

namespace Ioasis.Telemetry;

/// <summary>
/// Tells the user once that a collector cannot be reached, or refuses: the exporter itself says nothing.
/// </summary>
/// <param name="once">What tells.</param>
internal sealed class TellingHandler(ToldOnce once) : DelegatingHandler(new SocketsHttpHandler())
{
    /// <inheritdoc/>
    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return Look(base.Send(request, cancellationToken));
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            once.Tell(e.Message);
            throw;
        }
    }

    /// <inheritdoc/>
    protected override async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return Look(await base.SendAsync(request, cancellationToken).ConfigureAwait(false));
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            once.Tell(e.Message);
            throw;
        }
    }

    private HttpResponseMessage Look(HttpResponseMessage response)
    {
        if (!response.IsSuccessStatusCode)
            once.Tell(string.Create(CultureInfo.InvariantCulture, $"it answers {(int)response.StatusCode}"));
        return response;
    }
}

/// <summary>A message that the user gets once.</summary>
/// <param name="url">The collector.</param>
/// <param name="tell">Takes it.</param>
internal sealed class ToldOnce(Uri url, Action<string> tell)
{
    private int _isTold;

    internal void Tell(string why)
    {
        if (Interlocked.Exchange(ref _isTold, 1) == 0) tell($"metrics do not reach {url}: {why}");
    }
}
