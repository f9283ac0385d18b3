using System.Collections.Frozen;
using System.IO.Compression;
using System.Reflection;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Ioasis.Web.Serving;

/// <summary>The files of the page, which are resources of this program.</summary>
internal static class PageFiles
{
    private const string Root = "wwwroot/", Index = "index.html";

    private static readonly FrozenDictionary<string, PageFile> s_files = Read();

    private static ReadOnlySpan<byte> ImportMap => "<script type=\"importmap\""u8;

    /// <summary>All paths, without the leading slash.</summary>
    public static IEnumerable<string> Paths => s_files.Keys;

    /// <summary>Sends a file; 404 if there is none of this path.</summary>
    public static async Task Send(HttpContext context)
    {
        string path = context.Request.Path.Value is { Length: > 1 } given ? given[1..] : Index;
        if (!s_files.TryGetValue(path, out PageFile? file))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        byte[] bytes = file.Plain;
        if (path == Index)
        {
            bytes = WithNonce(bytes, Gatekeeper.NonceOf(context));
        }
        else
        {
            context.Response.Headers.Vary = "Accept-Encoding";
            if (TakesGzip(context.Request))
            {
                bytes = file.Gzip;
                context.Response.Headers.ContentEncoding = "gzip";
            }
        }

        context.Response.ContentType = TypeOf(path);
        context.Response.ContentLength = bytes.Length;
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
    }

    private static bool TakesGzip(HttpRequest request) =>
        request.GetTypedHeaders().AcceptEncoding.Any(e => e.Value == "gzip" && e.Quality is not 0);

    private static string TypeOf(string path) => Path.GetExtension(path) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".svg" => "image/svg+xml",
        _ => "application/octet-stream",
    };

    // The one script that stands in the page itself may run because it has the word of the answer's policy.
    private static byte[] WithNonce(byte[] page, string nonce)
    {
        int at = page.AsSpan().IndexOf(ImportMap) + ImportMap.Length;
        return [.. page.AsSpan(0, at), .. Encoding.ASCII.GetBytes($" nonce=\"{nonce}\""), .. page.AsSpan(at)];
    }

    private static FrozenDictionary<string, PageFile> Read()
    {
        Assembly ours = typeof(PageFiles).Assembly;
        return ours.GetManifestResourceNames().Where(n => n.StartsWith(Root, StringComparison.Ordinal))
            .ToFrozenDictionary(n => n[Root.Length..].Replace('\\', '/'), n =>
            {
                using Stream stream = ours.GetManifestResourceStream(n)!;
                var bytes = new byte[stream.Length];
                stream.ReadExactly(bytes);
                return new PageFile(bytes, Compressed(bytes));
            });
    }

    private static byte[] Compressed(byte[] bytes)
    {
        using var target = new MemoryStream();
        using (var gzip = new GZipStream(target, CompressionLevel.SmallestSize)) gzip.Write(bytes);
        return target.ToArray();
    }

    private sealed record PageFile(byte[] Plain, byte[] Gzip);
}
