using System.Collections.Frozen;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Ioasis.Web.Serving;

/// <summary>The files of the page, which are resources of this program.</summary>
internal static class PageFiles
{
    private const string Root = "wwwroot/";

    private static readonly FrozenDictionary<string, byte[]> s_files = Read();

    /// <summary>The hash of the one script that stands in the page itself, as a content security policy has it.</summary>
    public static string ImportMapHash { get; } = HashOfImportMap();

    /// <summary>All paths, without the leading slash.</summary>
    public static IEnumerable<string> Paths => s_files.Keys;

    /// <summary>Sends a file; 404 if there is none of this path.</summary>
    public static async Task Send(HttpContext context)
    {
        string path = context.Request.Path.Value is { Length: > 1 } given ? given[1..] : "index.html";
        if (!s_files.TryGetValue(path, out byte[]? bytes))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        context.Response.ContentType = TypeOf(path);
        context.Response.ContentLength = bytes.Length;
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
    }

    private static string TypeOf(string path) => Path.GetExtension(path) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".svg" => "image/svg+xml",
        _ => "application/octet-stream",
    };

    private static string HashOfImportMap()
    {
        const string Begin = "<script type=\"importmap\">", End = "</script>";
        string page = Encoding.UTF8.GetString(s_files["index.html"]);
        int from = page.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        string script = page[from..page.IndexOf(End, from, StringComparison.Ordinal)];
        return $"sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(script)))}";
    }

    private static FrozenDictionary<string, byte[]> Read()
    {
        Assembly ours = typeof(PageFiles).Assembly;
        return ours.GetManifestResourceNames().Where(n => n.StartsWith(Root, StringComparison.Ordinal))
            .ToFrozenDictionary(n => n[Root.Length..].Replace('\\', '/'), n =>
            {
                using Stream stream = ours.GetManifestResourceStream(n)!;
                var bytes = new byte[stream.Length];
                stream.ReadExactly(bytes);
                return bytes;
            });
    }
}
