using System.Globalization;
using System.Text;

namespace Ioasis.Bench.Report;

/// <summary>
/// The cost of an operation by the number of mappings, as SVG: both axes logarithmic, one line for ours and one for the
/// baseline.
/// </summary>
internal static class Plot
{
    private const double Width = 720, Height = 380, Left = 70, Right = 20, Top = 40, Bottom = 50;

    /// <summary>
    /// Distances of the first and last point from the ends of the grid, and of a figure from its point, so that no
    /// figure covers the labels of an axis.
    /// </summary>
    private const double Inset = 24, Figure = 20;

    /// <param name="operation">The operation.</param>
    /// <param name="points">The points, in ascending order of their numbers of mappings.</param>
    internal static string Of(string operation, IReadOnlyList<Comparison> points)
    {
        double[] costs = [.. points.SelectMany(p => (double[])[p.Ours.Min, p.Baseline.Min])];
        int low = (int)Math.Floor(Math.Log10(costs.Min())),
            high = Math.Max(low + 1, (int)Math.Ceiling(Math.Log10(costs.Max())));
        double first = Math.Log2(points[0].At!.Mappings),
            last = Math.Max(first + 1, Math.Log2(points[^1].At!.Mappings));
        double X(Comparison point) => Left + Inset
            + ((Math.Log2(point.At!.Mappings) - first) / (last - first) * (Width - Left - Right - (2 * Inset)));
        double Y(double cost) => Height - Bottom - ((Math.Log10(cost) - low) / (high - low) * (Height - Top - Bottom));

        string unit = points[0].Unit, name = HtmlPage.Text(operation);
        var svg = new StringBuilder();
        Add($"<svg viewBox=\"0 0 {Width} {Height}\" ",
            $"width=\"{Width}\" height=\"{Height}\" role=\"img\" aria-label=\"{name}: {unit} against mappings\">");
        for (int power = low; power <= high; power++)
        {
            double y = Y(Math.Pow(10, power));
            Add($"<line class=\"grid\" x1=\"{Left}\" y1=\"{y:0.#}\" x2=\"{Width - Right}\" y2=\"{y:0.#}\"/>");
            Add($"<text x=\"{Left - 8}\" ",
                $"y=\"{y + 4:0.#}\" text-anchor=\"end\">{Math.Pow(10, power):0.######} {unit}</text>");
        }

        foreach (Comparison point in points)
            Add($"<text x=\"{X(point):0.#}\" ",
                $"y=\"{Height - Bottom + 20}\" text-anchor=\"middle\">{Cells.Count(point.At!.Mappings)}</text>");
        Add($"<text x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 8}\" text-anchor=\"middle\">mappings</text>");
        Line("ours", "Ioasis", Left, p => p.Ours.Min, p => p.Baseline.Min);
        Line("beside", points[0].BaselineName, Left + 80, p => p.Baseline.Min, p => p.Ours.Min);
        return svg.Append("</svg>").ToString();

        void Line(string style, string legend, double at, Func<Comparison, double> cost, Func<Comparison, double> other)
        {
            string corners = string.Join(
                ' ', points.Select(p => string.Create(CultureInfo.InvariantCulture, $"{X(p):0.#},{Y(cost(p)):0.#}")));
            Add($"<polyline class=\"line {style}\" points=\"{corners}\"/>");
            foreach (Comparison point in points)
            {
                Add($"<circle class=\"point {style}\" cx=\"{X(point):0.#}\" cy=\"{Y(cost(point)):0.#}\" r=\"4\">");
                Add($"<title>{Cells.Count(point.At!.Mappings)}: {Cells.Number(cost(point))} {unit}</title></circle>");
            }

            // above the upper line and below the lower one, unless the axis is in the way
            foreach (Comparison point in points)
            {
                double y = Y(cost(point));
                bool above = cost(point) > other(point) || y > Height - Bottom - Figure;
                Add($"<text class=\"value {style}\" x=\"{X(point):0.#}\" ",
                    $"y=\"{(above ? y - (Figure / 2) : y + Figure):0.#}\" ",
                    $"text-anchor=\"middle\">{Cells.Number(cost(point))}</text>");
            }

            Add($"<text class=\"{style}\" x=\"{at}\" y=\"20\">● {HtmlPage.Text(legend)}</text>");
        }

        void Add(params FormattableString[] parts)
        {
            foreach (FormattableString part in parts) svg.Append(part.ToString(CultureInfo.InvariantCulture));
            svg.Append('\n');
        }
    }
}
