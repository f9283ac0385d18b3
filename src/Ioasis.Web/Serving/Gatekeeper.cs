using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Ioasis.Web.Serving;

/// <summary>
/// Lets only the user's own page in. The page is on loopback, where every user and every web site that the browser shows
/// can send requests to. So each request for data carries a secret, the host must be ours (else a site could give its
/// own name our address), and the origin, if the browser names one, too.
/// </summary>
internal sealed class Gatekeeper
{
    private const string Scheme = "Bearer ";

    private static readonly string s_contentSecurityPolicy =
        $"default-src 'none'; script-src 'self' '{PageFiles.ImportMapHash}'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private readonly byte[] _token = Encoding.ASCII.GetBytes(
        Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)));

    /// <summary>The secret, as it stands in the URL.</summary>
    public string Token => Encoding.ASCII.GetString(_token);

    /// <summary>The middleware: refuses, or lets pass, and sets the headers of all answers.</summary>
    public Task Check(HttpContext context, RequestDelegate next)
    {
        IHeaderDictionary headers = context.Response.Headers;
        headers.ContentSecurityPolicy = s_contentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer"; // the URL has the secret
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
        HttpRequest request = context.Request;
        if (!IsOurs(request.Host, context)) return Refuse(context, StatusCodes.Status421MisdirectedRequest);
        if (request.Headers.Origin is { Count: > 0 } origin
            && !string.Equals(origin, $"http://{request.Host.Value}", StringComparison.Ordinal))
            return Refuse(context, StatusCodes.Status403Forbidden);
        return request.Path.StartsWithSegments("/api") && !HasToken(request)
            ? Refuse(context, StatusCodes.Status401Unauthorized)
            : next(context);
    }

    private static bool IsOurs(HostString host, HttpContext context) =>
        host.Port == context.Connection.LocalPort && host.Host is "127.0.0.1" or "localhost" or "[::1]";

    private bool HasToken(HttpRequest request) =>
        request.Headers.Authorization.ToString() is { } given && given.StartsWith(Scheme, StringComparison.Ordinal)
        && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given[Scheme.Length..]), _token);

    private static Task Refuse(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    }
}
