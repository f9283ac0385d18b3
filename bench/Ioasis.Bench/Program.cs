using System.Text.Json;
using Ioasis.Bench;

// Each benchmark is measured beside its baseline in C, in turn, in one run: what counts is the ratio.
// usage: Ioasis.Bench [dma|nested|map|dirty|ioctl]... [--rounds N] [--json]
bool json = args.Contains("--json");
int roundsAt = Array.IndexOf(args, "--rounds");
int rounds = roundsAt >= 0 ? int.Parse(args[roundsAt + 1], System.Globalization.CultureInfo.InvariantCulture) : 5;
string[] wanted = [.. args.Where((a, i) => !a.StartsWith('-') && (roundsAt < 0 || i != roundsAt + 1))];
List<Comparison> results = [];
if (wanted.Length == 0 || wanted.Contains("dma")) results.AddRange(DmaBenchmark.Run(rounds));
if (wanted.Length == 0 || wanted.Contains("nested")) results.AddRange(NestedBenchmark.Run(rounds));
if (wanted.Length == 0 || wanted.Contains("map")) results.AddRange(MapBenchmark.Run(rounds));
if (wanted.Length == 0 || wanted.Contains("dirty")) results.Add(DirtyBenchmark.Run(rounds));
if (wanted.Length == 0 || wanted.Contains("ioctl")) results.Add(IoctlBenchmark.Run(rounds));

if (json)
{
    Console.WriteLine(JsonSerializer.Serialize(results));
    return 0;
}

Console.WriteLine($"{"",-44} {"ours, ns",21} {"beside, ns",21}   ratio");
foreach (Comparison r in results)
    Console.WriteLine($"{r.Name,-44} {r.Ours.Min,10:f1} {r.Ours.Median,10:f1} {r.Baseline.Min,10:f1} {r.Baseline.Median,10:f1}  {r.Ratio,6:f2}   beside {r.BaselineName}");
Console.WriteLine("min and median of alternating rounds; ratio of the medians");
return 0;
