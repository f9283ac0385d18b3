using System.Net;
using System.Text;

namespace Ioasis.Bench.Report;

/// <summary>A self-contained page with the table and the plots, readable on light and dark backgrounds.</summary>
internal static class HtmlPage
{
    private const string Head = """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Ioasis: benchmarks</title>
        <style>
        :root { color-scheme: light dark; --ground: #fff; --text: #1b1f24; --faint: #d0d7de; --ours: #0550ae;
          --beside: #9a4a00; --yes: #116329; --no: #b3141d }
        @media (prefers-color-scheme: dark) {
          :root { --ground: #0d1117; --text: #e6edf3; --faint: #3d444d; --ours: #79b8ff; --beside: #ffa657;
            --yes: #56d364; --no: #ff7b72 }
        }
        body { background: var(--ground); color: var(--text); font: 15px/1.45 system-ui, sans-serif;
          max-width: 75rem; margin: 2rem auto; padding: 0 1rem }
        .wide { overflow-x: auto }
        h2::first-letter { text-transform: uppercase }
        table { border-collapse: collapse }
        th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--faint); text-align: left }
        td:first-child { min-width: 16rem }
        .figure { text-align: right; font-variant-numeric: tabular-nums }
        .yes { color: var(--yes) } .no { color: var(--no); font-weight: bold }
        svg { max-width: 100%; min-width: 30rem; height: auto } svg text { fill: var(--text);
          font: 13px system-ui, sans-serif }
        .grid { stroke: var(--faint) } .line { fill: none; stroke-width: 2 }
        .line.ours { stroke: var(--ours) } .line.beside { stroke: var(--beside); stroke-dasharray: 6 4 }
        .value { stroke: var(--ground); stroke-width: 4px; paint-order: stroke }
        .point.ours, text.ours { fill: var(--ours) } .point.beside, text.beside { fill: var(--beside) }
        </style>
        </head>
        <body>
        <h1>Ioasis: benchmarks</h1>
        <p>Min and median of alternating rounds on one machine; the ratio is of the minima.</p>

        """;

    internal static string Of(IReadOnlyList<Comparison> results)
    {
        var page = new StringBuilder(Head);
        foreach (IGrouping<string, Comparison> operation in results.Where(r => r.At is not null)
            .GroupBy(r => r.At!.Operation))
            page.Append("<h2>").Append(Text(operation.Key)).Append("</h2>\n<div class=\"wide\">\n")
                .Append(Plot.Of(operation.Key, [.. operation.OrderBy(r => r.At!.Mappings)])).Append("\n</div>\n");

        page.Append("<h2>All results</h2>\n<div class=\"wide\">\n<table>\n<tr><th></th>");
        foreach (string title in (string[])["ours", "median", "beside", "median", "ratio"])
            page.Append("<th class=\"figure\">").Append(title).Append("</th>");
        page.Append("<th>target</th><th>reached</th><th>unit</th><th>beside what</th></tr>\n");
        foreach (Comparison r in results)
        {
            page.Append("<tr><td>").Append(Text(r.Name)).Append("</td>");
            foreach (string figure in (string[])[Cells.Number(r.Ours.Min), Cells.Number(r.Ours.Median),
                Cells.Number(r.Baseline.Min), Cells.Number(r.Baseline.Median), Cells.Ratio(r)])
                page.Append("<td class=\"figure\">").Append(figure).Append("</td>");
            string reached = Cells.Reached(r);
            page.Append("<td>").Append(Text(Cells.Target(r)))
                .Append("</td><td class=\"").Append(reached == "NO" ? "no" : "yes").Append("\">").Append(reached)
                .Append("</td><td>").Append(Text(r.Unit))
                .Append("</td><td>").Append(Text(r.BaselineName)).Append("</td></tr>\n");
        }

        return page.Append("</table>\n</div>\n</body>\n</html>\n").ToString();
    }

    internal static string Text(string text) => WebUtility.HtmlEncode(text);
}
