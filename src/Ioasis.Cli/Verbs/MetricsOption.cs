using System.CommandLine;
using System.Net;
using System.Runtime.CompilerServices;
using Ioasis.Diagnostics;
using Ioasis.Diagnostics.Metrics;
using Ioasis.Host;
using Ioasis.Machine;
using Ioasis.Telemetry;

namespace Ioasis.Cli.Verbs;

/// <summary>The option <c>--metrics</c>: where the metrics and spans of a run go.</summary>
internal sealed class MetricsOption
{
    private const string Form = "--metrics is prometheus=ADDRESS:PORT, otlp=URL or eventpipe";

    private readonly Option<string[]> _metrics = new("--metrics")
    {
        HelpName = "prometheus=ADDRESS:PORT, otlp=URL or eventpipe",
        Description = "Gives metrics: to Prometheus, which asks at the address; to a collector of OpenTelemetry, with "
            + "spans of calls; to dotnet-counters and dotnet-trace (docs/metrics.md). May be repeated.",
        Arity = ArgumentArity.OneOrMore,
    };

    internal MetricsOption(Command run) => run.Add(_metrics);

    /// <summary>What begins to measure a machine; null if nobody asked for it.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="begin">Begins.</param>
    /// <returns>What is wrong with the option; null for nothing.</returns>
    internal string? TryRead(ParseResult parsed, out Func<SoftwareMachine, IDisposable>? begin)
    {
        begin = null;
        string[] given = parsed.GetValue(_metrics) ?? [];
        if (given.Length == 0) return null;
        IPEndPoint? prometheus = null;
        string? otlp = null;
        bool isForEventPipe = false;
        foreach (string one in given)
        {
            int at = one.IndexOf('=');
            (string kind, string value) = at < 0 ? (one, "") : (one[..at], one[(at + 1)..]);
            if (kind is "prometheus" && prometheus is null)
            {
                if (!TryReadAddress(value, out prometheus))
                    return $"--metrics prometheus= takes an address and a port, such as 127.0.0.1:9464, not {value}";
            }
            else if (kind is "otlp" && otlp is null)
            {
                otlp = value.TrimEnd('/') + "/";
                if (!IsUrl(otlp)) return $"--metrics otlp= takes a URL such as http://127.0.0.1:4318, not {value}";
            }
            else if (one is "eventpipe") isForEventPipe = true;
            else if (kind is "prometheus" or "otlp") return $"--metrics {kind}= given twice";
            else return $"{Form}, not {one}";
        }

        begin = machine => Begin(machine, prometheus, otlp, isForEventPipe);
        return null;
    }

    /// <summary>By itself, as the library of URIs is loaded only where it is called. So is Export.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool IsUrl(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? url) && url.Scheme is ("http" or "https");

    private static bool TryReadAddress(string text, out IPEndPoint? address)
    {
        const string Local = "localhost:";
        if (text.StartsWith(Local, StringComparison.Ordinal)) text = "127.0.0.1:" + text[Local.Length..];
        return IPEndPoint.TryParse(text, out address) && address.Port != 0;
    }

    private static Measuring Begin(SoftwareMachine machine, IPEndPoint? prometheus, string? otlp, bool isForEventPipe)
    {
        if (isForEventPipe && !Supervisor.TryGiveEvents())
            throw new IOException("this .NET runtime gives no events: --metrics eventpipe cannot be had");
        var metrics = new MachineMetrics(machine.Observers, machine.Pasids, () =>
            machine.Devices.Select(d => d.Endpoint).Concat(machine.VdpaDevices.Select(d => d.Endpoint)));
        try
        {
            return new Measuring(metrics, prometheus is null && otlp is null ? null : Export(prometheus, otlp));
        }
        catch
        {
            metrics.Dispose();
            throw;
        }
    }

    /// <summary>By itself, so that OpenTelemetry is loaded only here.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Exporters Export(IPEndPoint? prometheus, string? otlp) => Exporters.Start(
        MachineMetrics.Name, OwnVersion.Full, new ExportTargets(prometheus, otlp is null ? null : new Uri(otlp)),
        Supervisor.Tell);

    /// <summary>Metrics that are on. At the end the last values are sent before they go.</summary>
    private sealed class Measuring(MachineMetrics metrics, IDisposable? exporters) : IDisposable
    {
        public void Dispose()
        {
            exporters?.Dispose();
            metrics.Dispose();
        }
    }
}
