namespace Ioasis.Cli.Demo;

/// <summary>
/// Draws shared virtual addressing for guests: page tables of the guest's processes, bound to PASIDs in the host, over
/// the memory that the host maps for the guest.
/// </summary>
internal static class VsvaPicture
{
    private const string Gap = "     ";

    /// <summary>Draws the picture. Each array has one line per process.</summary>
    /// <param name="pasids">Which process has which PASID.</param>
    /// <param name="tables">The contents of the guest's memory.</param>
    /// <param name="device">The PASID that the device's requests carry.</param>
    /// <param name="firstStages">The first stage that the PASID is bound to.</param>
    /// <param name="secondStage">The second stage below all of them.</param>
    internal static IEnumerable<string> Draw(
        string[] pasids, string[] tables, string[] device, string[] firstStages, string secondStage)
    {
        int narrow = pasids.Concat(device).Max(l => l.Length),
            wide = tables.Concat(firstStages).Append(secondStage).Max(l => l.Length);
        int indent = narrow + 4 + Gap.Length, all = indent + wide + 4;
        return
        [
            .. Beside(Box(pasids, narrow), Box(tables, wide), Gap),
            Line(' ', "| HWPT_INVALIDATE", "| CR3, in GPA", "guest"),
            Line('-', "|", "|", ""),
            Line(' ', "v", "v", "host"),
            .. Beside(Box(device, narrow), Box(firstStages, wide), "---> "),
            Line(' ', "", "| nested", ""),
            Line(' ', "", "v", ""),
            .. Box([secondStage], wide).Select(l => new string(' ', indent) + l),
        ];

        // One text below the left boxes, one below the right boxes, one at the end.
        string Line(char fill, string left, string right, string end) =>
            (((new string(fill, 3) + left).PadRight(indent + 12, fill) + right).PadRight(all - end.Length, fill)
                + end).TrimEnd();
    }

    private static string[] Box(string[] lines, int width)
    {
        string edge = new('-', width + 2);
        return [$".{edge}.", .. lines.Select(l => $"| {l.PadRight(width)} |"), $"'{edge}'"];
    }

    /// <summary>
    /// Puts two boxes with the same number of lines side by side, with a connector between their text lines.
    /// </summary>
    private static string[] Beside(string[] left, string[] right, string between) =>
        [.. left.Select((line, i) => line + (line[0] == '|' ? between : Gap) + right[i])];
}
