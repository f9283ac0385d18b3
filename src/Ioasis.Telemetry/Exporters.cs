using System.Net;
using System.Net.Sockets;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Ioasis.Telemetry;

/// <summary>
/// Sends what a Meter and an ActivitySource say to where the user wants it, by OpenTelemetry. Its threads wait for the
/// network; whoever is measured does not. What cannot be sent in time is dropped, so memory stays bounded.
/// </summary>
internal sealed class Exporters : IDisposable
{
    // Together, for the last values of a program that has ended.
    private static readonly TimeSpan s_flushTime = TimeSpan.FromSeconds(2);

    private readonly MeterProvider _metrics;
    private readonly TracerProvider? _spans;

    private Exporters(MeterProvider metrics, TracerProvider? spans) => (_metrics, _spans) = (metrics, spans);

    /// <summary>Begins to export.</summary>
    /// <param name="name">The name of the Meter and of the ActivitySource.</param>
    /// <param name="version">The version of the service.</param>
    /// <param name="targets">Where to.</param>
    /// <param name="tell">Is told once if a collector cannot be reached.</param>
    /// <exception cref="IOException">The address cannot be listened at.</exception>
    internal static Exporters Start(string name, string version, ExportTargets targets, Action<string> tell)
    {
        // What the user says by OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES comes after ours, and counts.
        ResourceBuilder resource = ResourceBuilder.CreateEmpty()
            .AddService("ioasis", serviceVersion: version, autoGenerateServiceInstanceId: false,
                serviceInstanceId: $"{Environment.MachineName}-{Environment.ProcessId}")
            .AddTelemetrySdk().AddEnvironmentVariableDetector();
        MeterProviderBuilder metrics = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter(name);
        TracerProvider? spans = null;
        if (targets.Prometheus is { } address)
        {
            metrics.AddPrometheusHttpListener(options =>
            {
                (options.Host, options.Port) = (HostOf(address), address.Port);
                options.ScopeInfoEnabled = false; // our version in the labels would make another series of each build
            });
        }

        if (targets.Otlp is { } url)
        {
            var once = new ToldOnce(url, tell);
            metrics.AddOtlpExporter((options, _) => Set(options, url, "v1/metrics", once));
            spans = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource(name)
                .AddOtlpExporter(options => Set(options, url, "v1/traces", once)).Build();
        }

        try
        {
            return new Exporters(metrics.Build(), spans);
        }
        catch (Exception e) when ((e.InnerException ?? e) is HttpListenerException or SocketException)
        {
            spans?.Dispose();
            throw new IOException($"cannot listen at {targets.Prometheus}: {(e.InnerException ?? e).Message}", e);
        }
    }

    private static string HostOf(IPEndPoint address) => address.Address switch
    {
        var any when any.Equals(IPAddress.Any) || any.Equals(IPAddress.IPv6Any) => "*",
        { AddressFamily: AddressFamily.InterNetworkV6 } six => $"[{six}]",
        var four => four.ToString(),
    };

    private static void Set(OtlpExporterOptions options, Uri url, string path, ToldOnce once)
    {
        options.Endpoint = new Uri(url, path);
        options.Protocol = OtlpExportProtocol.HttpProtobuf;
        options.TimeoutMilliseconds = (int)s_flushTime.TotalMilliseconds;
        options.HttpClientFactory = () => new HttpClient(new TellingHandler(once)) { Timeout = s_flushTime };
    }

    /// <summary>Sends what is left, for at most two seconds, and ends.</summary>
    public void Dispose()
    {
        int most = (int)s_flushTime.TotalMilliseconds;
        var ending = Task.WhenAll(
            Task.Run(() => _metrics.Shutdown(most)), Task.Run(() => _spans?.Shutdown(most) ?? true));
        // Who is not done by now waits for a collector; its threads end with the process.
        if (!ending.Wait(s_flushTime)) return;
        _metrics.Dispose();
        _spans?.Dispose();
    }
}
