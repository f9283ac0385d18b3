using System.Globalization;
using System.Text.Json.Nodes;
using Ioasis.EndToEnd.Metrics;

namespace Ioasis.EndToEnd.Debian;

/// <summary>Debian's Prometheus scrapes <c>run --metrics prometheus=</c>.</summary>
[Collection(nameof(DebianBench))]
public sealed class PrometheusTests(DebianBench debian, Workbench bench)
{
    private const string Suite = "bookworm";
    private static readonly HttpClient s_http = new();

    [Fact]
    public async Task It_knows_the_faults_bytes_and_calls_of_a_program()
    {
        debian.MustBeThere();
        (await Execution.Run(
            [Path.Combine(bench.Root, "eng/debian/prometheus.sh"), DebianBench.FileOf(Suite, "")],
            patience: TimeSpan.FromMinutes(30))).MustEnd();
        string target = $"127.0.0.1:{Collector.FreePort()}", api = $"127.0.0.1:{Collector.FreePort()}";
        string folder = await bench.Scratch(Who.Self), file = Path.Combine(folder, "prometheus.yml");
        await File.WriteAllTextAsync(
            file, $$"""
            global: {scrape_interval: 500ms, scrape_timeout: 500ms}
            scrape_configs:
              - job_name: ioasis
                static_configs:
                  - targets: ["{{target}}"]
            """, TestContext.Current.CancellationToken);
        using Execution program = Execution.Start(
            [bench.Launcher(Who.Self), "run", "--metrics", $"prometheus={target}", "--device",
                $"dmatest@{Machine.DmaTest}", "--", bench.Client("walked"), Machine.DmaTest]);
        await program.Hear("ready");
        using Execution prometheus = Execution.Start(
            debian.Words(Suite, "prometheus", $"--config.file={file}", $"--storage.tsdb.path={folder}/data",
                $"--web.listen-address={api}", "--log.level=error"));

        string device = $"device=\"{Machine.DmaTest}\"";
        Assert.Equal(1, await Ask(api, $"ioasis_faults_total{{{device},reason=\"NotMapped\",unit=\"dmar0\"}}"));
        Assert.Equal(64, await Ask(api, $"ioasis_dma_bytes_total{{{device},direction=\"read\"}}"));
        Assert.Equal(4096, await Ask(api, "ioasis_mapped_bytes"));
        Assert.Equal(1, await Ask(api, "ioasis_call_duration_seconds_count{call=\"IOMMU_IOAS_MAP\",errno=\"ok\"}"));
        // How the dashboard asks.
        Assert.InRange(
            await Ask(api, "histogram_quantile(0.99, sum by (le, call) (ioasis_call_duration_seconds_bucket"
                + "{call=\"IOMMU_IOAS_MAP\"}))"), 1e-9, 60);
        (await program.End()).MustEnd();
    }

    /// <summary>Asks until there is an answer: Prometheus scrapes when it likes.</summary>
    private static async Task<double> Ask(string api, string query)
    {
        using var patience = new CancellationTokenSource(Execution.Patience);
        while (true)
        {
            try
            {
                JsonNode answer = JsonNode.Parse(await s_http.GetStringAsync(
                    new Uri($"http://{api}/api/v1/query?query={Uri.EscapeDataString(query)}"), patience.Token))!;
                if (answer["data"]!["result"] is JsonArray { Count: > 0 } result)
                    return double.Parse((string)result.Single()!["value"]![1]!, CultureInfo.InvariantCulture);
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }

            await Task.Delay(50, patience.Token);
        }
    }
}
