using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Ioasis.Bench;
using Ioasis.Bench.Report;
using Ioasis.Cli.Verbs;
using Json.Schema;

namespace Ioasis.Tests.Bench;

/// <summary>How given results are shown; nothing is measured.</summary>
public sealed class BenchReportTests
{
    private const string Operation = "a miss & more";

    private static readonly Comparison[] s_results =
    [
        new("port.Read <hit>", new Series(6, 7), "software TLB hit", new Series(4, 5)) { Target = 2 },
        new("map and unmap", new Series(300, 1234.6), "ours among 1k", new Series(100, 110)) { Limit = 250 },
        new("memory", new Series(54.2, 54.2), "a 4-level table", new Series(8, 8), "bytes"),
        new("miss, 1", new Series(10, 11), "C", new Series(1, 2)) { At = new PlotPoint(Operation, 1) },
        new("miss, 1M", new Series(100, 110), "C", new Series(10, 20)) { At = new PlotPoint(Operation, 1 << 20) },
        new("miss, 1k", new Series(20, 22), "C", new Series(2, 4)) { At = new PlotPoint(Operation, 1 << 10) },
    ];

    [Fact]
    public void TheTableHasAlignedColumnsAndSaysWhatIsReached()
    {
        string[] lines = Table(coloured: false).TrimEnd().Split('\n');
        Assert.Equal(s_results.Length + 2, lines.Length);
        Assert.Equal(["port.Read", "<hit>", "6.0", "7.0", "4.0", "5.0", "1.50", "≤", "2.0", "yes", "ns;", "software",
                "TLB", "hit"], Words(lines[1]));
        Assert.Equal(["map", "and", "unmap", "300.0", "1235", "100.0", "110.0", "3.00", "≤", "250", "ns", "NO", "ns;",
                "ours", "among", "1k"], Words(lines[2]));
        Assert.Equal(["memory", "54.2", "54.2", "8.0", "8.0", "6.78", "bytes;", "a", "4-level", "table"],
            Words(lines[3]));
        int unit = lines[0].IndexOf("unit;", StringComparison.Ordinal),
            ratio = lines[0].IndexOf("ratio", StringComparison.Ordinal) + "ratio".Length;
        Assert.All(lines[1..^1], line =>
        {
            Assert.Equal(' ', line[unit - 1]);
            Assert.NotEqual(' ', line[unit]);
            Assert.True(char.IsDigit(line[ratio - 1]) && line[ratio] == ' ');
        });
    }

    [Fact]
    public void OnlyWhatIsReachedOrNotIsColouredAndOnlyWhereAsked()
    {
        string plain = Table(coloured: false), coloured = Table(coloured: true);
        Assert.DoesNotContain('\e', plain);
        Assert.Contains("\e[32myes", coloured, StringComparison.Ordinal);
        Assert.Contains("\e[31mNO", coloured, StringComparison.Ordinal);
        Assert.Equal(plain, Regex.Replace(coloured, "\e\\[[0-9]+m", ""));
    }

    [Fact]
    public void TheRecordsHaveAllThatWasMeasured()
    {
        string text = JsonRecords.Of(s_results);
        Assert.True(JsonSchema.FromText(SchemaCommand.Text("bench")).Evaluate(JsonNode.Parse(text)).IsValid, text);
        JsonElement[] records = [.. JsonDocument.Parse(text).RootElement.GetProperty("results").EnumerateArray()];
        Assert.Equal(s_results.Select(r => r.Name), records.Select(r => r.GetProperty("name").GetString()));
        Assert.Equal((300, 1234.6), (records[1].GetProperty("ours").GetProperty("min").GetDouble(),
                records[1].GetProperty("ours").GetProperty("median").GetDouble()));
        Assert.Equal((3, 250, false), (records[1].GetProperty("ratio").GetDouble(),
                records[1].GetProperty("limit").GetDouble(), records[1].GetProperty("isReached").GetBoolean()));
        Assert.Equal("bytes", records[2].GetProperty("unit").GetString());
        Assert.False(records[2].TryGetProperty("target", out _));
        Assert.Equal(1 << 20, records[4].GetProperty("at").GetProperty("mappings").GetInt32());
    }

    [Fact]
    public void ThePageNeedsNothingElseAndShowsEveryResult()
    {
        string page = HtmlPage.Of(s_results);
        Assert.DoesNotMatch("src=|href=|url\\(|@import|<script", page);
        Assert.Contains("prefers-color-scheme: dark", page, StringComparison.Ordinal);
        Assert.Contains("<td>port.Read &lt;hit&gt;</td>", page, StringComparison.Ordinal);
        Assert.Contains("<td class=\"no\">NO</td>", page, StringComparison.Ordinal);
        Assert.Equal(s_results.Length + 1, Regex.Count(page, "<tr>"));
        Assert.Single(Regex.Matches(page, "<svg"));
    }

    [Fact]
    public void APlotHasAPointForEachResultWhereItsCostIs()
    {
        string page = HtmlPage.Of(s_results);
        var svg = XElement.Parse(page[page.IndexOf("<svg", StringComparison.Ordinal)..(
                page.IndexOf("</svg>", StringComparison.Ordinal) + "</svg>".Length)]);
        double[][] ours = Corners(svg, "line ours"), beside = Corners(svg, "line beside");
        Assert.Equal(6, svg.Elements("circle").Count());
        // Both axes are logarithmic: 1k lies in the middle of 1 and 1M, and ten times the cost is as far up everywhere.
        Assert.Equal((ours[0][0] + ours[2][0]) / 2, ours[1][0], 0.2);
        Assert.True(ours[0][1] > ours[1][1] && ours[1][1] > ours[2][1]);
        Assert.All(ours.Zip(beside),
            pair => Assert.Equal(ours[0][1] - ours[2][1], pair.Second[1] - pair.First[1], 0.2));
        Assert.Equal(["1", "1k", "1M"], svg.Elements("text").Select(t => t.Value).Where(t => t is "1" or "1k" or "1M"));
        Assert.All(ours.Concat(beside),
            corner => Assert.True(corner[0] is > 0 and < 720 && corner[1] is > 0 and < 380));
        // Each has its figure: above the upper line, below the lower one, but not below the axis.
        Assert.Equal([("10.0", true), ("20.0", true), ("100.0", true)], Figures(svg, "value ours", ours));
        Assert.Equal([("1.0", true), ("2.0", false), ("10.0", false)], Figures(svg, "value beside", beside));
    }

    private static double[][] Corners(XElement svg, string style) =>
    [
        .. svg.Elements("polyline")
        .Single(e => (string?)e.Attribute("class") == style).Attribute("points")!.Value.Split(' ')
            .Select(c => c.Split(',')
                .Select(n => double.Parse(n, System.Globalization.CultureInfo.InvariantCulture)).ToArray()),
    ];

    private static IEnumerable<(string Figure, bool Above)> Figures(XElement svg, string style, double[][] corners) =>
        svg.Elements("text").Where(t => (string?)t.Attribute("class") == style)
        .Zip(corners, (t, corner) => (t.Value, (double)t.Attribute("y")! < corner[1]));

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static string Table(bool coloured)
    {
        using StringWriter output = new() { NewLine = "\n" };
        TextTable.Write(s_results, output, coloured);
        return output.ToString();
    }
}
