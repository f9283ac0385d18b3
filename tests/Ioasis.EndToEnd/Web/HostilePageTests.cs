using System.Net;

namespace Ioasis.EndToEnd.Web;

/// <summary>
/// The page's server answers the user's own page, and nobody else: another user of the host, a web site that the
/// browser shows, or a client that asks for too much.
/// </summary>
public sealed class HostilePageTests(Workbench bench)
{
    [Fact]
    public async Task Data_needs_the_secret_of_the_url()
    {
        using PageServer page = await PageServer.Start(bench, "walked", Machine.DmaTest);
        using HttpClient stranger = page.NewHttp(hasToken: false);
        foreach (string path in (string[])["api/about", "api/state", "api/faults", "api/changes", "api/events",
            "api/nothing", $"api/state?t={page.Token}"])
            Assert.Equal(HttpStatusCode.Unauthorized, await StatusOf(stranger, path));
        foreach (string wrong in (string[])["", "0", page.Token[..^1], page.Token + "0", new string('0', 32),
            page.Token.ToUpperInvariant()])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "api/state");
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {wrong}");
            using HttpResponseMessage answer = await stranger.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.True(answer.StatusCode == HttpStatusCode.Unauthorized || wrong == page.Token, wrong);
            Assert.Equal("", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }

        Assert.Equal(HttpStatusCode.OK, await StatusOf(page.Http, "api/state"));
        Assert.Equal(HttpStatusCode.OK, await StatusOf(stranger, "")); // the page itself has nothing secret
    }

    [Fact]
    public async Task The_secret_is_in_no_command_line()
    {
        using PageServer page = await PageServer.Start(bench, "walked", Machine.DmaTest);
        int read = 0;
        foreach (string process in Directory.EnumerateDirectories("/proc"))
        {
            string line;
            try { line = await File.ReadAllTextAsync($"{process}/cmdline", TestContext.Current.CancellationToken); }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { continue; }
            Assert.DoesNotContain(page.Token, line, StringComparison.Ordinal);
            if (line.Contains("ioasis-web", StringComparison.Ordinal)) read++;
        }

        Assert.NotEqual(0, read);
    }

    /// <summary>
    /// A site gives its name our address (DNS rebinding), or sends requests from its own pages: the browser names the
    /// host and the origin.
    /// </summary>
    [Fact]
    public async Task Another_host_or_origin_is_refused()
    {
        using PageServer page = await PageServer.Start(bench, "walked", Machine.DmaTest);
        string own = $"127.0.0.1:{page.Port}";
        Assert.Equal(200, await Ask(own, null));
        Assert.Equal(200, await Ask(own, $"http://{own}"));
        Assert.Equal(200, await Ask($"localhost:{page.Port}", null));
        foreach (string host in (string[])["evil.example", $"evil.example:{page.Port}", "127.0.0.1", "127.0.0.1:1",
            $"127.0.0.1.evil.example:{page.Port}", $"localhost.:{page.Port}", $"[::2]:{page.Port}", ""])
            Assert.Contains(await Ask(host, null), (int[])[400, 421]);
        foreach (string origin in (string[])["http://evil.example", "null", $"https://{own}", "http://127.0.0.1:1",
            $"http://localhost:{page.Port}", $"http://evil.example:{page.Port}", ""])
            Assert.Equal(403, await Ask(own, origin));
        (int status, string text) = await page.Send($"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
        Assert.Equal(421, status); // no page either
        Assert.DoesNotContain("Access-Control-Allow", text, StringComparison.OrdinalIgnoreCase);

        async Task<int> Ask(string host, string? origin) => (await page.Send(
            $"GET /api/about HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {page.Token}\r\nConnection: close\r\n"
            + (origin is null ? "" : $"Origin: {origin}\r\n") + "\r\n")).Status;
    }

    [Fact]
    public async Task Only_what_changes_something_can_be_posted()
    {
        using PageServer page = await PageServer.Start(bench, "walked", Machine.DmaTest);
        foreach (string method in (string[])["POST", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE", "PATCH", "X"])
            foreach (string path in (string[])["api/state", "api/walk", "api/changes", "api/about"])
                Assert.Equal(405, await Ask(method, path));
        foreach (string method in (string[])["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
            Assert.Equal(405, await Ask(method, "app.js"));
        Assert.Equal(200, await Ask("HEAD", "app.js"));

        async Task<int> Ask(string method, string path) => (await page.Send(
            $"{method} /{path} HTTP/1.1\r\nHost: 127.0.0.1:{page.Port}\r\nAuthorization: Bearer {page.Token}\r\n"
            + "Content-Length: 0\r\nConnection: close\r\n\r\n")).Status;
    }

    [Fact]
    public async Task No_path_leads_out_of_the_page()
    {
        using PageServer page = await PageServer.Start(bench, "walked", Machine.DmaTest);
        foreach (string path in (string[])["/../../../../etc/passwd", "/..%2f..%2f..%2fetc/passwd", "//etc/passwd",
            "/%2e%2e/%2e%2e/etc/passwd", "/wwwroot/index.html", "/app.js/", "/./../etc/passwd", "/app.js%00",
            "/ioasis-web.dll", "/appsettings.json", "/..\\..\\etc\\passwd"])
        {
            (int status, string text) = await page.Send(
                $"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{page.Port}\r\nConnection: close\r\n\r\n");
            Assert.Contains(status, (int[])[400, 404]);
            Assert.DoesNotContain("root:", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Too_long_a_request_is_refused_and_the_others_are_served()
    {
        using PageServer page = await PageServer.Start(bench, "walked", Machine.DmaTest);
        const int Long = 10 << 20;
        string head = $"HTTP/1.1\r\nHost: 127.0.0.1:{page.Port}\r\nAuthorization: Bearer {page.Token}\r\n";
        Assert.Equal(413, (await page.Send(
            $"POST /api/state {head}Content-Length: {Long}\r\n\r\n{new string('x', Long)}")).Status);
        string chunk = $"{Long:x}\r\n{new string('x', Long)}\r\n0\r\n\r\n";
        Assert.Contains((await page.Send($"GET /api/about {head}Transfer-Encoding: chunked\r\n\r\n{chunk}")).Status,
            (int[])[200, 400, 413, -1]); // it is not read, or not to its end
        Assert.Equal(414, (await page.Send($"GET /api/walk?device={new string('x', Long)} {head}\r\n")).Status);
        Assert.Equal(431, (await page.Send($"GET /api/about {head}X: {new string('x', Long)}\r\n\r\n")).Status);
        string many = string.Concat(Enumerable.Range(0, 1000).Select(i => $"X{i}: y\r\n"));
        Assert.Equal(431, (await page.Send($"GET /api/about {head}{many}\r\n")).Status);
        string query = string.Concat(Enumerable.Range(0, 900).Select(i => $"a{i}=1&"));
        Assert.Equal(400, (await page.Send($"GET /api/walk?{query} {head}Connection: close\r\n\r\n")).Status);
        Assert.Equal("program", (string)(await page.Get("api/about"))["kind"]!);
    }

    [Theory]
    [InlineData("api/walk?device=0:4.0&address=0xzz", "\"0xzz\" is no address such as 0x1000 or 4096")]
    [InlineData("api/walk?device=99:0.0&address=0", "there is no device 99:0.0")]
    [InlineData("api/walk?address=0", "device")]
    [InlineData("api/maps?context=1&ioas=x", "ioas")]
    [InlineData("api/maps?context=7&ioas=1", "there is no context 7")]
    [InlineData("api/maps?context=1&ioas=1&first=2&last=1", "the last address, 0x1, is below the first, 0x2")]
    [InlineData("api/maps?context=1&ioas=1&most=2000000000", "expected 1 to 10000")]
    [InlineData("api/dirty?context=1&hwpt=4000000000", "object 4000000000 of context 1 is no paging HWPT")]
    [InlineData("api/events?kinds=map,none", "\"none\" is no kind of event")]
    public async Task A_question_that_is_wrong_gets_a_sentence(string path, string part)
    {
        using PageServer page = await PageServer.Start(bench, "walked", Machine.DmaTest);
        using HttpResponseMessage answer = await page.Http.GetAsync(
            new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
        string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.StatusCode == HttpStatusCode.BadRequest, $"{answer.StatusCode}: {text}");
        Assert.Contains(part, System.Text.Json.Nodes.JsonNode.Parse(text)!["error"]!.GetValue<string>(),
            StringComparison.Ordinal);
    }

    /// <summary>A policy keeps the page from loading or sending anything elsewhere.</summary>
    [Fact]
    public async Task Every_answer_has_the_headers_of_a_closed_page()
    {
        using PageServer page = await PageServer.Start(bench, "walked", Machine.DmaTest);
        foreach (string path in (string[])["/", "/app.js", "/nothing", "/api/state", "/api/nothing"])
        {
            string text = (await page.Send(
                $"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{page.Port}\r\nConnection: close\r\n\r\n")).Text;
            string head = text[..text.IndexOf("\r\n\r\n", StringComparison.Ordinal)];
            foreach (string header in (string[])["Content-Security-Policy: default-src 'none'; script-src 'self' ",
                "frame-ancestors 'none'", "X-Content-Type-Options: nosniff", "Referrer-Policy: no-referrer",
                "Cross-Origin-Resource-Policy: same-origin", "Cache-Control: no-store"])
                Assert.Contains(header, head, StringComparison.Ordinal);
            Assert.DoesNotContain("unsafe", head, StringComparison.Ordinal);
            Assert.DoesNotContain("Server:", head, StringComparison.Ordinal);
        }
    }

    private static async Task<HttpStatusCode> StatusOf(HttpClient http, string path)
    {
        using HttpResponseMessage answer = await http.GetAsync(
            new Uri(path, UriKind.Relative), HttpCompletionOption.ResponseHeadersRead,
            TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }
}
