using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Ioasis.Web.Serving;
using Ioasis.Web.Sources;

namespace Ioasis.Tests.Web;

/// <summary>A server of the page in this process, and a client that has its secret.</summary>
internal sealed class WebClient : IAsyncDisposable
{
    private const string Data = "data: ";

    private readonly IMachineSource _source;
    private readonly WebServer _server;
    private readonly HttpClient _client;

    private WebClient(IMachineSource source, WebServer server)
    {
        (_source, _server) = (source, server);
        _client = new HttpClient(new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = 64 })
        {
            BaseAddress = new Uri(server.Url.GetLeftPart(UriPartial.Authority)),
        };
        _client.DefaultRequestHeaders.Authorization =
            new AuthenticationHeaderValue("Bearer", server.Url.Query["?t=".Length..]);
    }

    internal static async Task<WebClient> Start(IMachineSource source)
    {
        var server = new WebServer(source, 0);
        await server.Start(CancellationToken.None);
        return new WebClient(source, server);
    }

    internal Task<(int Status, JsonNode? Body)> Get(string path) => Ask(HttpMethod.Get, path);

    internal Task<(int Status, JsonNode? Body)> Post(string path) => Ask(HttpMethod.Post, path);

    /// <summary>The first lines of a stream.</summary>
    internal async Task<JsonNode[]> Stream(string path, int count)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using Stream stream = await _client.GetStreamAsync(path, patience.Token);
        using var reader = new StreamReader(stream);
        List<JsonNode> lines = [];
        while (lines.Count < count && await reader.ReadLineAsync(patience.Token) is { } line)
            if (line.StartsWith(Data, StringComparison.Ordinal)) lines.Add(JsonNode.Parse(line[Data.Length..])!);
        return [.. lines];
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _server.DisposeAsync();
        _source.Dispose();
    }

    private async Task<(int Status, JsonNode? Body)> Ask(HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, path);
        using HttpResponseMessage response = await _client.SendAsync(request);
        string text = await response.Content.ReadAsStringAsync();
        return ((int)response.StatusCode, text.StartsWith('{') || text.StartsWith('[') ? JsonNode.Parse(text) : null);
    }
}
