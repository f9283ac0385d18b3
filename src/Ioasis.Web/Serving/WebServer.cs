using System.Net;
using Ioasis.Web.Lessons;
using Ioasis.Web.Sources;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Ioasis.Web.Serving;

/// <summary>The page's server: on loopback only, for who has the secret of its URL.</summary>
internal sealed class WebServer : IAsyncDisposable
{
    /// <summary>The longest body of a request in bytes.</summary>
    internal const int LongestRequest = 64 * 1024;

    // More than streams, so that a page that reads all of them still gets its files.
    private const int MostConnections = 256;

    private const int MostLooks = 40;
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(10);

    private readonly WebApplication _app;
    private readonly Gatekeeper _gatekeeper = new();
    private readonly CancellationTokenSource _ends = new();
    private readonly StreamPlaces _places = new();
    private readonly EventHub _hub;
    private readonly List<Answers> _answers = [];
    private readonly LessonBook _lessons = new();

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
        builder.Services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(1));
        builder.WebHost.ConfigureKestrel(options =>
        {
            Limit(options.Limits);
            options.AddServerHeader = false;
            options.Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http1);
        });
        _app = builder.Build();
        _app.Lifetime.ApplicationStopping.Register(_ends.Cancel);
        _app.Use(_gatekeeper.Check);
        _app.Use(new MachineChoice(source, _lessons).Choose);
        _app.UseRouting(); // by the path as it is now
        _hub = new EventHub(source, _places);
        Map(_app, source, _hub);
        RecordingApi.Map(_app, source as RecordingSource, _places);
        LessonApi.Map(_app, _lessons);
        foreach (LessonPlace place in _lessons.AllPlaces)
            Map(_app.MapGroup(place.Path), place, new EventHub(place, _places));
        _app.MapMethods("/{**path}", [HttpMethods.Get, HttpMethods.Head], (RequestDelegate)PageFiles.Send);
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

    /// <summary>Waits, but not for long, until pages have read the ends of their streams.</summary>
    public async Task Drain()
    {
        for (int i = 0; i < MostLooks && _hub.Readers != 0; i++) await Task.Delay(s_look);
    }

    /// <summary>Ends what is under way, and serves nothing more.</summary>
    public Task Stop() => _app.StopAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        foreach (Answers answers in _answers) answers.Dispose();
        _lessons.Dispose();
        _ends.Dispose();
    }

    private void Map(IEndpointRouteBuilder routes, IMachineSource source, EventHub hub)
    {
        var answers = new Answers(source);
        _answers.Add(answers);
        Api.Map(routes, source, answers, new EventStreams(hub, _ends.Token));
    }

    private static void Limit(KestrelServerLimits limits)
    {
        limits.MaxRequestBodySize = LongestRequest;
        limits.MaxConcurrentConnections = MostConnections;
        limits.MaxRequestHeadersTotalSize = 16 * 1024;
        limits.MaxRequestHeaderCount = 64;
        limits.MaxRequestLineSize = 8 * 1024;
        limits.MaxRequestBufferSize = LongestRequest;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(5);
        limits.KeepAliveTimeout = TimeSpan.FromSeconds(15);
    }
}
