using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Ioasis.EndToEnd.Web;

/// <summary>A program that runs with its page, and a browser's or an enemy's requests to it.</summary>
internal sealed class PageServer : IDisposable
{
    private const string Begin = "ioasis: http://127.0.0.1:";

    private readonly Execution _program;
    private readonly Execution? _page;

    private PageServer(Execution program, Execution? page, Uri url)
    {
        (_program, _page, Url) = (program, page, url);
        Token = url.Query["?t=".Length..];
        Http = NewHttp();
    }

    /// <summary>Where the page is, with its secret.</summary>
    public Uri Url { get; }

    public string Token { get; }

    public int Port => Url.Port;

    /// <summary>The program, which ends when its input does.</summary>
    public Execution Program => _program;

    /// <summary><c>ioasis web</c>.</summary>
    public Execution Page => _page ?? throw new InvalidOperationException("the page is a part of run");

    /// <summary>Sends the secret with each request.</summary>
    public HttpClient Http { get; }

    /// <summary>The variables with which others ask the same supervisors.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Runs a client program and shows it by <c>ioasis web</c>.</summary>
    public static async Task<PageServer> Start(Workbench bench, params string[] client)
    {
        var alone = new Dictionary<string, string> { ["XDG_RUNTIME_DIR"] = await bench.Scratch(Who.Self) };
        Execution program = Execution.Start(
            bench.UnderIoasis(Who.Self, Machine.Devices, [bench.Client(client[0]), .. client[1..]]), alone);
        await program.Hear("ready");
        string[] words = [bench.Launcher(Who.Self), "web"];
        Execution page = Execution.Start(words, alone);
        string line = await page.HearLine();
        Assert.StartsWith(Begin, line, StringComparison.Ordinal);
        return new PageServer(program, page, new Uri(line["ioasis: ".Length..])) { Environment = alone };
    }

    /// <summary>Another browser.</summary>
    public HttpClient NewHttp(bool hasToken = true)
    {
        var http = new HttpClient(new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = 1000 })
        {
            BaseAddress = new Uri($"http://127.0.0.1:{Port}"),
            Timeout = TimeSpan.FromMinutes(2),
        };
        if (hasToken) http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        return http;
    }

    /// <summary>Asks with headers that HttpClient would not send. The status is -1 if the connection is cut.</summary>
    public async Task<(int Status, string Text)> Send(string request)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, Port);
        await using NetworkStream stream = socket.GetStream();
        try
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        }
        catch (IOException)
        {
            // It has answered already, and reads no more.
        }

        var text = new StringBuilder();
        byte[] block = new byte[4096];
        try
        {
            while (await stream.ReadAsync(block) is > 0 and var count)
                text.Append(Encoding.Latin1.GetString(block, 0, count));
        }
        catch (IOException)
        {
            // The connection was reset behind the answer.
        }

        string answer = text.ToString();
        return (answer.Split(' ') is [_, var status, ..] ? int.Parse(status, null) : -1, answer);
    }

    public async Task<JsonNode> Get(string path) =>
        JsonNode.Parse(await Http.GetStringAsync(new Uri(path, UriKind.Relative)))!;

    /// <summary>A stream of events.</summary>
    public async Task<PageStream> Follow(string path, HttpClient? http = null)
    {
        HttpResponseMessage response = await (http ?? Http).GetAsync(
            new Uri(path, UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
        return new PageStream(response);
    }

    public void Dispose()
    {
        Http.Dispose();
        _page?.Dispose();
        _program.Dispose();
    }
}

/// <summary>Server-sent events as they come.</summary>
internal sealed class PageStream(HttpResponseMessage response) : IDisposable
{
    private StreamReader? _reader;

    public HttpStatusCode Status => response.StatusCode;

    public HttpResponseMessage Response => response;

    /// <summary>The next event; null at the end of the stream.</summary>
    public async Task<JsonNode?> Next()
    {
        using var patience = new CancellationTokenSource(Execution.Patience);
        _reader ??= new StreamReader(await response.Content.ReadAsStreamAsync(patience.Token));
        while (await _reader.ReadLineAsync(patience.Token) is { } line)
            if (line.StartsWith("data: ", StringComparison.Ordinal)) return JsonNode.Parse(line["data: ".Length..]);
        return null;
    }

    /// <summary>Reads on until an event is as wanted.</summary>
    public async Task<JsonNode> Until(Func<JsonNode, bool> wanted)
    {
        while (await Next() is { } next)
            if (wanted(next)) return next;
        throw new InvalidOperationException("the stream ended");
    }

    public void Dispose()
    {
        _reader?.Dispose();
        response.Dispose();
    }
}
