using Microsoft.AspNetCore.Http;

namespace Ioasis.Web.Serving;

/// <summary>
/// Lets only the user's own page in. The page is on loopback, where every user and every web site that the browser
/// shows can send requests to. So each request for data carries a secret, the host must be ours (else a site could give
/// its own name our address), and the origin, if the browser names one, too.
/// </summary>
internal sealed class Gatekeeper
{
    private const string Scheme = "Bearer ";

    private static readonly object s_nonce = new();

    /// <summary>The secret, as it stands in the URL.</summary>
    public string Token { get; } = Secrets.Next();

    /// <summary>The word by which a script in the page itself may run.</summary>
    public static string NonceOf(HttpContext context) => (string)context.Items[s_nonce]!;

    /// <summary>The middleware: refuses, or lets pass, and sets the headers of all answers.</summary>
    public async Task Check(HttpContext context, RequestDelegate next)
    {
        IHeaderDictionary headers = context.Response.Headers;
        string nonce = Secrets.Next();
        context.Items[s_nonce] = nonce;
        headers.ContentSecurityPolicy = $"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; "
            + "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer"; // the URL has the secret
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
        if (Refusal(context) is { } status)
        {
            // Nobody whom we do not serve keeps a connection.
            headers.Connection = "close";
            context.Response.StatusCode = status;
            return;
        }

        try
        {
            await next(context);
        }
        catch (BadHttpRequestException e) when (!context.Response.HasStarted)
        {
            await Answers.Refuse(e.Message, e.StatusCode).ExecuteAsync(context);
        }
    }

    private int? Refusal(HttpContext context)
    {
        HttpRequest request = context.Request;
        bool isData = request.Path.StartsWithSegments("/api");
        if (!IsOurs(request.Host, context)) return StatusCodes.Status421MisdirectedRequest;
        if (request.Headers.Origin is { Count: > 0 } origin
            && !string.Equals(origin, $"http://{request.Host.Value}", StringComparison.Ordinal))
            return StatusCodes.Status403Forbidden;
        if (isData && !HasToken(request)) return StatusCodes.Status401Unauthorized;
        if (request.ContentLength > WebServer.LongestRequest) return StatusCodes.Status413PayloadTooLarge;
        // What a file is asked for is to be sent. Routing knows which paths of the data change something.
        bool isAllowed = isData
            ? HttpMethods.IsGet(request.Method) || HttpMethods.IsPost(request.Method)
            : HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method);
        return isAllowed ? null : StatusCodes.Status405MethodNotAllowed;
    }

    private static bool IsOurs(HostString host, HttpContext context) =>
        host.Port == context.Connection.LocalPort && host.Host is "127.0.0.1" or "localhost" or "[::1]";

    private bool HasToken(HttpRequest request) =>
        request.Headers.Authorization.ToString() is { } given && given.StartsWith(Scheme, StringComparison.Ordinal)
        && Secrets.AreEqual(given.AsSpan(Scheme.Length), Token);
}
