using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Core.PageRequests;
using Ioasis.Core.Pasids;
using Ioasis.Diagnostics.Metrics;
using Ioasis.Memory;
using Ioasis.Telemetry;
using Ioasis.Tests.Architecture;
using Ioasis.Tests.Core;

namespace Ioasis.Tests.Telemetry;

/// <summary>What Prometheus is told has the names that the dashboard and the page of the metrics use.</summary>
public sealed partial class ExportersTests
{
    private static readonly HttpClient s_http = new();

    [Fact]
    public async Task TheDashboardAndThePageNameWhatAScrapeGives()
    {
        var bench = new DmaBench();
        Endpoint endpoint = bench.NewEndpoint();
        using var metrics = new MachineMetrics(bench.Unit.Observers, new PasidSpace(), () => [endpoint]);
        var address = new IPEndPoint(IPAddress.Loopback, FreePort());
        using var exporters = Exporters.Start(MachineMetrics.Name, "1", new ExportTargets(address, null), Assert.Fail);
        Provoke(bench.Unit.Observers, endpoint);
        string[] scrape = (await s_http.GetStringAsync(
            new Uri($"http://{address}/metrics"), TestContext.Current.CancellationToken)).Split('\n');

        JsonNode dashboard = JsonNode.Parse(await File.ReadAllTextAsync(
            Path.Combine(Repository.Root, "eng/grafana/ioasis.json"), TestContext.Current.CancellationToken))!;
        string[] queries =
        [
            .. dashboard["panels"]!.AsArray().SelectMany(p => p!["targets"]!.AsArray())
                .Select(t => (string)t!["expr"]!),
        ];
        string[] page = [.. File.ReadAllLines(Path.Combine(Repository.Root, "docs/metrics.md")).Where(l => l.StartsWith(
            "| `ioasis.", StringComparison.Ordinal) && l.Contains("`ioasis_", StringComparison.Ordinal))];
        Assert.Equal(15, page.Length);
        Assert.NotEmpty(queries);
        foreach (string query in queries)
        {
            Assert.NotEmpty(Names.Matches(query));
            foreach (Match name in Names.Matches(query)) MustHave(name.Value, LabelsOf(query));
        }

        // Each metric is in the page, with its labels and no others.
        foreach (string line in page)
        {
            string name = Names.Match(line).Value;
            string series = line.Contains("histogram", StringComparison.Ordinal) ? name + "_count" : name;
            string[] labels = [.. Words.Matches(line.Split('|')[5]).Select(m => m.Groups[1].Value).Order()];
            MustHave(series, labels);
            Assert.Contains(queries, q => q.Contains(name, StringComparison.Ordinal));
            Assert.Equal(labels, Labels.Matches(LineOf(series)!).Select(m => m.Groups[1].Value).Order());
        }

        void MustHave(string name, string[] labels)
        {
            string? line = LineOf(name);
            Assert.True(line is not null, $"a scrape has no {name}:\n{string.Join('\n', scrape)}");
            foreach (string label in labels) Assert.Contains(label + "=\"", line, StringComparison.Ordinal);
        }

        string? LineOf(string name) => scrape.FirstOrDefault(l =>
            l.StartsWith(name, StringComparison.Ordinal) && l.Length > name.Length && l[name.Length] is ('{' or ' '));
    }

    /// <summary>What a query sums by, but "le", which buckets alone have.</summary>
    private static string[] LabelsOf(string query) =>
        [.. By.Matches(query).SelectMany(m => m.Groups[1].Value.Split(", ")).Where(l => l != "le").Distinct()];

    /// <summary>Makes each event that an instrument counts.</summary>
    private static void Provoke(Observers observers, Endpoint endpoint)
    {
        using DmaPort port = endpoint.OpenPort();
        port.Read(new Iova(0x1000), new byte[1]);
        port.RequestsPages = true;
        var request = new PageRequest(null, 1, PageRequestAccess.Read, new Iova(0x1000), IsLast: true);
        Assert.True(port.RequestPage(request, static _ => { }));
        observers.Tell(new ResetEvent(observers.Stamp(), endpoint));
        observers.Tell(new InterruptEvent(observers.Stamp(), endpoint, 0, IsAsserted: true));
        observers.Tell(new InvalidateEvent(observers.Stamp(), null, null, 0, 1));
        observers.Tell(new CallEvent(observers.Stamp(), new NodeCall
        {
            Number = 1,
            File = observers,
            Path = "/dev/iommu",
            Thread = 0,
            Descriptor = 3,
            Name = "read",
            Began = 0,
            Result = 0,
        }));
    }

    private static int FreePort()
    {
        using var socket = new TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        return ((IPEndPoint)socket.LocalEndpoint).Port;
    }

    [GeneratedRegex(@"\bioasis_[a-z_]+")]
    private static partial Regex Names { get; }

    [GeneratedRegex(@"by \(([a-z, ]+)\)")]
    private static partial Regex By { get; }

    [GeneratedRegex("`([a-z]+)`")]
    private static partial Regex Words { get; }

    [GeneratedRegex("([a-z_]+)=\"")]
    private static partial Regex Labels { get; }
}
