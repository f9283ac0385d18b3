using System.Globalization;
using System.Security;
using System.Text;
using System.Xml;
using Ioasis.Diagnostics.State;

namespace Ioasis.Cli.Drawing;

/// <summary>
/// Draws a machine as a picture that stands alone: an SVG file that is light or dark as its reader is, with no script
/// and no font of its own.
/// </summary>
internal sealed class TopologySvg
{
    private const double Width = 172, Gap = 36, Line = 17, Pad = 8, Between = 12, Margin = 12, Top = 40, Char = 7.9;

    private static readonly string[] s_ranks = ["Unit", "Group", "Device", "Requests", "Page table", "Address space"];

    private readonly Topology _topology;
    private readonly Dictionary<TopologyThing, Box> _boxes = [];
    private readonly double[] _bottoms = [.. Enumerable.Repeat(Top, s_ranks.Length)];

    private TopologySvg(MachineState state) => _topology = new Topology(state);

    private readonly record struct Box(double X, double Y, double Width, double Height, IReadOnlyList<string> Lines)
    {
        internal double Middle => Y + (Height / 2);
    }

    /// <summary>The file's text.</summary>
    internal static string Draw(MachineState state)
    {
        var drawing = new TopologySvg(state);
        drawing.LayOut();
        return drawing.Write();
    }

    private void LayOut()
    {
        foreach (TopologyThing thing in _topology.Things.Where(t => t.Rank <= 3))
            if (!_boxes.ContainsKey(thing)) Place(thing, Top);
        for (int rank = 4; rank < s_ranks.Length; rank++)
        {
            foreach ((TopologyThing thing, double wanted) in _topology.Things
                .Where(t => t.Rank == rank && t.Within is null).Select(t => (t, Wanted(t))).OrderBy(p => p.Item2))
                Put(thing, double.IsFinite(wanted) ? wanted : 0);
        }
    }

    /// <summary>Places a thing beside the first of those that it leads to; returns where the next may begin.</summary>
    private double Place(TopologyThing thing, double y)
    {
        double start = Math.Max(y, _bottoms[thing.Rank]), next = start;
        TopologyThing[] below = [.. _topology.Edges.Where(e => e.From == thing && e.To.Rank <= 3).Select(e => e.To)];
        foreach (TopologyThing one in below.Where(t => t.Rank > thing.Rank && !_boxes.ContainsKey(t)))
            next = Math.Max(next, Place(one, next));
        Box box = Put(thing, start);
        next = Math.Max(next, box.Y + box.Height + Between);
        foreach (TopologyThing one in below.Where(t => t.Rank == thing.Rank && !_boxes.ContainsKey(t)))
            next = Math.Max(next, Place(one, next));
        return next;
    }

    /// <summary>Beside the middle of what leads to a thing or to its parts; infinite if nothing does.</summary>
    private double Wanted(TopologyThing thing)
    {
        double[] from = [.. _topology.Edges.Where(e => (e.To == thing || e.To.Within == thing)
            && _boxes.ContainsKey(e.From)).Select(e => _boxes[e.From].Middle)];
        return from.Length == 0 ? double.PositiveInfinity : from.Average() - (HeightOf(thing, Width) / 2);
    }

    private static double HeightOf(TopologyThing thing, double width) =>
        (Wrapped(thing, width).Count * Line) + (2 * Pad) + thing.Parts.Sum(p => HeightOf(p, width - (2 * Pad)) + Pad);

    private Box Put(TopologyThing thing, double wanted)
    {
        var box = new Box(Margin + (thing.Rank * (Width + Gap)), Math.Max(_bottoms[thing.Rank], wanted), Width,
            HeightOf(thing, Width), Wrapped(thing, Width));
        _bottoms[thing.Rank] = box.Y + box.Height + Between;
        _boxes[thing] = box;
        double y = box.Y + Pad + (box.Lines.Count * Line) + Pad;
        foreach (TopologyThing part in thing.Parts)
        {
            double height = HeightOf(part, Width - (2 * Pad));
            _boxes[part] = new Box(box.X + Pad, y, Width - (2 * Pad), height, Wrapped(part, Width - (2 * Pad)));
            y += height + Pad;
        }

        return box;
    }

    private static List<string> Wrapped(TopologyThing thing, double width)
    {
        int most = (int)((width - (2 * Pad)) / Char);
        List<string> lines = [];
        foreach (string text in thing.Lines)
        {
            string line = "";
            foreach (string word in text.Split(' ').SelectMany(w => w.Chunk(most).Select(part => new string(part))))
            {
                if (line.Length != 0 && line.Length + 1 + word.Length > most)
                {
                    lines.Add(line);
                    line = "";
                }

                line = line.Length == 0 ? word : $"{line} {word}";
            }

            lines.Add(line);
        }

        return lines;
    }

    private string Write()
    {
        double width = (2 * Margin) + (s_ranks.Length * Width) + ((s_ranks.Length - 1) * Gap);
        double height = _bottoms.Max() + Margin - Between;
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $$"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{width}} {{height}}"
              width="{{width}}" height="{{height}}">
            <title>Topology</title>
            <style>
            svg { --ground: #ffffff; --panel: #f3f6f8; --line: #8496a3; --text: #17212a; --quiet: #4b5a66; }
            @media (prefers-color-scheme: dark) { svg { --ground: #14181c; --panel: #1d2329; --line: #6d7f8c;
              --text: #e4eaef; --quiet: #a8b6c1; } }
            .ground { fill: var(--ground); }
            .box { fill: var(--panel); stroke: var(--line); }
            .edge { fill: none; stroke: var(--line); stroke-width: 1.3; }
            text { font: 13px ui-monospace, "DejaVu Sans Mono", monospace; fill: var(--quiet); }
            .name { font-weight: bold; fill: var(--text); }
            </style>
            <rect class="ground" width="{{width}}" height="{{height}}"/>

            """);
        for (int rank = 0; rank < s_ranks.Length; rank++)
            text.Append(CultureInfo.InvariantCulture,
                $"<text x=\"{Margin + (rank * (Width + Gap))}\" y=\"{Top - 16}\">{s_ranks[rank]}</text>\n");
        WriteEdges(text, isInner: false);
        // what is within is drawn after what it is within
        foreach ((TopologyThing thing, Box box) in _boxes.OrderBy(b => b.Key.Within is null ? 0 : 1)) Write(text, box);
        WriteEdges(text, isInner: true);
        return text.Append("</svg>\n").ToString();
    }

    private void WriteEdges(StringBuilder text, bool isInner)
    {
        foreach ((TopologyThing from, TopologyThing to) in _topology.Edges)
        {
            if ((to.Within is not null) != isInner) continue;
            Box a = _boxes[from], b = _boxes[to];
            double bend = Gap * 0.6, x1 = a.X + a.Width;
            text.Append("<path class=\"edge\" d=\"").Append(from.Rank == to.Rank
                ? string.Create(CultureInfo.InvariantCulture, $"M{a.X + 14} {a.Y + a.Height}V{b.Y}")
                : string.Create(CultureInfo.InvariantCulture, $"M{x1} {a.Middle}C{x1 + bend} {a.Middle} "
                    + $"{b.X - bend} {b.Middle} {b.X} {b.Middle}")).Append("\"/>\n");
        }
    }

    private static void Write(StringBuilder text, Box box)
    {
        text.Append(CultureInfo.InvariantCulture, $"<rect class=\"box\" x=\"{box.X}\" y=\"{box.Y}\" "
            + $"width=\"{box.Width}\" height=\"{box.Height}\" rx=\"5\"/>\n");
        for (int i = 0; i < box.Lines.Count; i++)
            text.Append(CultureInfo.InvariantCulture, $"<text{(i == 0 ? " class=\"name\"" : "")} x=\"{box.X + Pad}\" "
                + $"y=\"{box.Y + Pad + (Line * (i + 0.75))}\">{Escaped(box.Lines[i])}</text>\n");
    }

    /// <summary>Text for XML; characters that XML cannot have become question marks.</summary>
    private static string Escaped(string text) =>
        SecurityElement.Escape(string.Concat(text.Select(c => XmlConvert.IsXmlChar(c) ? c : '?')));
}
