using System.Net;
using Ioasis.Web.Sources;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Ioasis.Web.Serving;

/// <summary>The page's server: on loopback only, for who has the secret of its URL.</summary>
internal sealed class WebServer : IAsyncDisposable
{
    private const int LongestRequest = 64 * 1024, MostConnections = 128;

    private readonly WebApplication _app;
    private readonly Gatekeeper _gatekeeper = new();

    /// <summary>Prepares it.</summary>
    /// <param name="source">What it shows.</param>
    /// <param name="port">The port; 0 for a free one.</param>
    public WebServer(IMachineSource source, int port)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            ContentRootPath = AppContext.BaseDirectory, // not the folder where the user stands
        });
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.AddServerHeader = false;
            options.Limits.MaxRequestBodySize = LongestRequest;
            options.Limits.MaxConcurrentConnections = MostConnections;
            options.Listen(IPAddress.Loopback, port);
        });
        _app = builder.Build();
        _app.Use(_gatekeeper.Check);
        Api.Map(_app, source);
        _app.MapFallback("{*path}", PageFiles.Send); // the usual pattern leaves out names with a dot
    }

    /// <summary>Where the page is, with its secret. Valid once it was started.</summary>
    public Uri Url { get; private set; } = new("about:blank");

    /// <summary>Begins to serve.</summary>
    /// <exception cref="IOException">The port is in use.</exception>
    public async Task Start(CancellationToken stop)
    {
        await _app.StartAsync(stop);
        string address = _app.Services.GetRequiredService<IServer>().Features
            .GetRequiredFeature<IServerAddressesFeature>().Addresses.First();
        Url = new Uri($"{address}/?t={_gatekeeper.Token}");
    }

    /// <summary>Serves until it is stopped.</summary>
    public Task Wait(CancellationToken stop) => _app.WaitForShutdownAsync(stop);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
