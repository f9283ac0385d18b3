using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Ioasis.EndToEnd.Metrics;
using Microsoft.Diagnostics.NETCore.Client;

namespace Ioasis.EndToEnd;

/// <summary>
/// <c>run --metrics</c> gives what an unmodified program did: to who asks, to who is sent it, and to dotnet's tools.
/// </summary>
public sealed class MetricsTests(Workbench bench)
{
    private static readonly HttpClient s_http = new();

    [Fact]
    public async Task A_scrape_has_the_maps_bytes_and_faults_of_a_program()
    {
        string address = $"127.0.0.1:{Collector.FreePort()}";
        using Execution program = Start($"prometheus={address}");
        await program.Hear("ready");
        string[] scrape = (await s_http.GetStringAsync(
            new Uri($"http://{address}/metrics"), TestContext.Current.CancellationToken)).Split('\n');
        string device = $"device=\"{Machine.DmaTest}\"";
        Assert.Equal("1", Value("ioasis_maps"));
        Assert.Equal("4096", Value("ioasis_mapped_bytes"));
        Assert.Equal("4096", Value("ioasis_pinned_bytes"));
        Assert.Equal("2", Value("ioasis_files"));
        Assert.Equal("64", Value($"ioasis_dma_bytes_total{{{device},direction=\"read\"}}"));
        Assert.Equal("0", Value($"ioasis_dma_bytes_total{{{device},direction=\"write\"}}"));
        Assert.Equal("0", Value($"ioasis_iotlb_hits_total{{{device}}}"));
        Assert.Equal("2", Value($"ioasis_iotlb_misses_total{{{device}}}")); // the second is the fault
        Assert.Equal("1", Value($"ioasis_faults_total{{{device},reason=\"NotMapped\",unit=\"dmar0\"}}"));
        Assert.Equal("1", Value("ioasis_call_duration_seconds_count{call=\"IOMMU_IOAS_MAP\",errno=\"ok\"}"));
        (await program.End()).MustEnd();

        string Value(string name) => scrape.Single(l => l.StartsWith(name + " ", StringComparison.Ordinal)
            || (!name.Contains('{', StringComparison.Ordinal)
                && l.StartsWith(name + "{", StringComparison.Ordinal))).Split(' ')[1];
    }

    [Fact]
    public async Task A_collector_gets_spans_and_the_last_values_of_a_program_that_ended()
    {
        using var collector = new Collector();
        using Execution program = Start($"otlp={collector.Url}");
        await program.Hear("ready");
        (await program.End()).MustEnd();

        Wire map = collector.Spans.Single(s => s.Text(5) == "IOMMU_IOAS_MAP");
        Dictionary<string, string> attributes = map.Attributes(9);
        Assert.Equal(("/dev/iommu", "ok"), (attributes["ioasis.path"], attributes["errno"]));
        Assert.NotEqual("0", attributes["process.pid"]);
        Assert.Equal(2UL, map.Number(6)); // SPAN_KIND_SERVER
        Assert.True(map.Fixed(7) < map.Fixed(8), "it begins before it ends");
        Assert.Contains(collector.Spans, s => s.Text(5) == "VFIO_DEVICE_ATTACH_IOMMUFD_PT");
        Assert.Superset(
            new HashSet<string> { "ioasis.faults", "ioasis.dma.bytes", "ioasis.call.duration", "ioasis.maps" },
            collector.Metrics.Select(m => m.Text(1)).ToHashSet());
        // Metric.sum (7) has data_points (1) with attributes (7) and as_int (6).
        Wire fault = Assert.Single(collector.Metrics.Last(m => m.Text(1) == "ioasis.faults").All(7, 1));
        Assert.Equal((1UL, "NotMapped"), (fault.Fixed(6), fault.Attributes(7)["reason"]));
    }

    [Fact]
    public async Task A_collector_that_never_answers_costs_two_seconds_and_a_message()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        string url = $"http://{silent.LocalEndpoint}";
        using Execution program = Start($"otlp={url}");
        await program.Hear("ready");
        long began = Stopwatch.GetTimestamp();
        Ending ending = (await program.End()).MustEnd();
        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, TimeSpan.FromSeconds(30));
        Assert.Contains($"ioasis: metrics do not reach {url}/: ", ending.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_the_port_is_in_use_the_program_does_not_start()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        Ending ending = (await Execution.Run(
            [bench.Launcher(Who.Self), "run", "--metrics", $"prometheus={taken.LocalEndpoint}", "--", "echo", "ran"]))
            .MustEnd(125);
        Assert.Equal("", ending.Output);
        Assert.StartsWith($"ioasis: cannot listen at {taken.LocalEndpoint}: ", ending.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("System.Diagnostics.Metrics", "Metrics", "Ioasis", "ioasis.mapped.bytes")]
    [InlineData("Microsoft-Diagnostics-DiagnosticSource", "FilterAndPayloadSpecs", "[AS]Ioasis", "IOMMU_IOAS_MAP")]
    public async Task The_diagnostic_port_gives_events(string provider, string key, string value, string expected)
    {
        using Execution program = Execution.Start(
            [bench.Launcher(Who.Self), "run", "--metrics", "eventpipe", "--device", $"dmatest@{Machine.DmaTest}", "--",
                "sh", "-c", "echo begun; read go; exec \"$@\"", "sh", bench.Client("walked"), Machine.DmaTest]);
        await program.Hear("begun");
        var client = new DiagnosticsClient(program.Id);
        Dictionary<string, string> arguments = new()
        {
            [key] = value,
            ["RefreshInterval"] = "1",
            ["MaxTimeSeries"] = "100",
            ["MaxHistograms"] = "100",
            ["SessionId"] = Guid.NewGuid().ToString(),
        };
        using EventPipeSession session = await client.StartEventPipeSessionAsync(
            [new EventPipeProvider(provider, System.Diagnostics.Tracing.EventLevel.Verbose, 0xffff, arguments)],
            requestRundown: false, token: TestContext.Current.CancellationToken);
        await program.Say("go\n");
        await program.Hear("ready");
        Assert.True(await Contains(session.EventStream, Encoding.Unicode.GetBytes(expected)), "no event has its name");
        // The session ends only when all that is left of it is read.
        Task rest = session.EventStream.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken);
        await session.StopAsync(TestContext.Current.CancellationToken).WaitAsync(
            Execution.Patience, TestContext.Current.CancellationToken);
        await rest;
        (await program.End()).MustEnd();
    }

    private static async Task<bool> Contains(Stream stream, byte[] expected)
    {
        using var patience = new CancellationTokenSource(Execution.Patience);
        byte[] block = new byte[65536];
        List<byte> all = [];
        int looked = 0;
        while (await stream.ReadAsync(block, patience.Token) is > 0 and var count)
        {
            all.AddRange(block.AsSpan(0, count));
            if (System.Runtime.InteropServices.CollectionsMarshal.AsSpan(all)[looked..].IndexOf(expected) >= 0)
                return true;
            looked = Math.Max(0, all.Count - expected.Length);
        }

        return false;
    }

    private Execution Start(string metrics) => Execution.Start(
        [bench.Launcher(Who.Self), "run", "--metrics", metrics, "--device", $"dmatest@{Machine.DmaTest}", "--",
            bench.Client("walked"), Machine.DmaTest]);
}
