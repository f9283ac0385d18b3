using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Ioasis.EndToEnd.Metrics;

/// <summary>A collector of OpenTelemetry's: keeps what it is sent over HTTP.</summary>
internal sealed class Collector : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Task _serving;

    internal Collector()
    {
        Url = $"http://127.0.0.1:{FreePort()}";
        _listener.Prefixes.Add(Url + "/");
        _listener.Start();
        _serving = Serve();
    }

    internal string Url { get; }

    /// <summary>The messages, by the path that they were sent to.</summary>
    internal ConcurrentQueue<(string Path, byte[] Message)> Got { get; } = [];

    /// <summary>The spans (ExportTraceServiceRequest: resource_spans, scope_spans, spans).</summary>
    internal Wire[] Spans => [.. At("/v1/traces").SelectMany(m => m.All(1, 2, 2))];

    /// <summary>The metrics (ExportMetricsServiceRequest: resource_metrics, scope_metrics, metrics).</summary>
    internal Wire[] Metrics => [.. At("/v1/metrics").SelectMany(m => m.All(1, 2, 2))];

    /// <summary>A port that nothing listens at.</summary>
    internal static int FreePort()
    {
        using var socket = new TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        return ((IPEndPoint)socket.LocalEndpoint).Port;
    }

    public void Dispose()
    {
        _listener.Close();
        _serving.GetAwaiter().GetResult();
    }

    private IEnumerable<Wire> At(string path) => Got.Where(g => g.Path == path).Select(g => new Wire(g.Message));

    private async Task Serve()
    {
        try
        {
            while (true)
            {
                HttpListenerContext call = await _listener.GetContextAsync();
                using var message = new MemoryStream();
                await call.Request.InputStream.CopyToAsync(message);
                Got.Enqueue((call.Request.Url!.AbsolutePath, message.ToArray()));
                call.Response.Close();
            }
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
        {
            // It was closed.
        }
    }
}
