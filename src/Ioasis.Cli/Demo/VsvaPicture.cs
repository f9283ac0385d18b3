namespace Ioasis.Cli.Demo;

/// <summary>
/// The picture that is drawn of shared virtual addressing for guests: tables of processes in the guest, bound to PASIDs
/// in the host, on what the host maps for the guest.
/// </summary>
internal static class VsvaPicture
{
    private const string Gap = "     ";

    /// <summary>Draws it.</summary>
    /// <param name="pasids">Of each process: which PASID is whose.</param>
    /// <param name="tables">Of each process: what is in the guest's memory.</param>
    /// <param name="device">Of each process: what the device's requests carry.</param>
    /// <param name="firstStages">Of each process: what that is bound to.</param>
    /// <param name="secondStage">What is below all of them.</param>
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

        // One text below the boxes to the left, one below those to the right, one at the end.
        string Line(char fill, string left, string right, string end) =>
            (((new string(fill, 3) + left).PadRight(indent + 12, fill) + right).PadRight(all - end.Length, fill)
                + end).TrimEnd();
    }

    private static string[] Box(string[] lines, int width)
    {
        string edge = new('-', width + 2);
        return [$".{edge}.", .. lines.Select(l => $"| {l.PadRight(width)} |"), $"'{edge}'"];
    }

    /// <summary>Two boxes of as many lines, with something between what stands in them.</summary>
    private static string[] Beside(string[] left, string[] right, string between) =>
        [.. left.Select((line, i) => line + (line[0] == '|' ? between : Gap) + right[i])];
}
