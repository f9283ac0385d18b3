using System.Text.Json;
using Ioasis.Bench;

// Each benchmark is measured beside its baseline in C, in turn, in one run: what counts is the ratio.
// usage: Ioasis.Bench [dma|threads|nested|map|memory|requests|scale|dirty|transfer|ioctl]... [--rounds N] [--json]
bool json = args.Contains("--json");
int roundsAt = Array.IndexOf(args, "--rounds");
int rounds = roundsAt >= 0 ? int.Parse(args[roundsAt + 1], System.Globalization.CultureInfo.InvariantCulture) : 5;
string[] wanted = [.. args.Where((a, i) => !a.StartsWith('-') && (roundsAt < 0 || i != roundsAt + 1))];
List<Comparison> results = [];
if (wanted.Length == 0 || wanted.Contains("dma")) results.AddRange(DmaBenchmark.Run(rounds));
if (wanted.Length == 0 || wanted.Contains("threads")) results.AddRange(ThreadsBenchmark.Run(rounds));
if (wanted.Length == 0 || wanted.Contains("nested")) results.AddRange(NestedBenchmark.Run(rounds));
if (wanted.Length == 0 || wanted.Contains("map")) results.AddRange(MapBenchmark.Run(rounds));
if (wanted.Length == 0 || wanted.Contains("memory")) results.Add(FootprintBenchmark.Run());
if (wanted.Length == 0 || wanted.Contains("requests")) results.Add(PageRequestBenchmark.Run(rounds));
if (wanted.Length == 0 || wanted.Contains("scale")) results.AddRange(ScaleBenchmark.Run());
if (wanted.Length == 0 || wanted.Contains("dirty")) results.Add(DirtyBenchmark.Run(rounds));
if (wanted.Length == 0 || wanted.Contains("transfer")) results.AddRange(TransferBenchmark.Run(rounds));
if (wanted.Length == 0 || wanted.Contains("ioctl")) results.Add(IoctlBenchmark.Run(rounds));

if (json)
{
    Console.WriteLine(JsonSerializer.Serialize(results));
    return 0;
}

Console.WriteLine($"{"",-50} {"ours",19} {"beside",19}   ratio");
foreach (Comparison r in results)
{
    string target = r.Target is { } ratio ? $"at most {ratio:0.0#}" : r.Limit is { } limit ? $"at most {limit:0} {r.Unit}" : "";
    Console.WriteLine($"{r.Name,-50} {r.Ours.Min,9:f1} {r.Ours.Median,9:f1} {r.Baseline.Min,9:f1} {r.Baseline.Median,9:f1}  {r.Ratio,6:f2}   "
        + $"{target,-15} {(target == "" ? "" : r.IsReached ? "yes" : "NO"),-3}  {r.Unit}; beside {r.BaselineName}");
}

Console.WriteLine("min and median of alternating rounds; ratio of the minima");
return 0;
