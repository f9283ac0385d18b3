using System.Text;

namespace Ioasis.Release;

/// <summary>The licences of everything that is within the programs, in one text.</summary>
internal static class Notices
{
    private static readonly string[] s_texts = ["LICENSE.TXT", "THIRD-PARTY-NOTICES.TXT"];

    /// <param name="assetsFiles">What NuGet resolved for each program (project.assets.json), with commas between
    /// them.</param>
    /// <param name="own">Files whose text comes first: our licence, and that of the page's libraries.</param>
    /// <exception cref="InvalidDataException">A part has neither a licence's name nor its text.</exception>
    public static string Of(string assetsFiles, string[] own)
    {
        var text = new StringBuilder();
        foreach (string file in own) text.Append(Text(file)).Append('\n');
        IReadOnlyList<NugetPart> parts = NugetPart.Of(assetsFiles);
        foreach (NugetPart part in parts)
        {
            if (part.License is null && FilesOf(part).Length == 0)
                throw new InvalidDataException($"{part.Name} {part.Version} has no licence");
            string copyright = part.Copyright is { } whose ? $", {whose}" : "";
            text.Append($"{part.Name} {part.Version}{copyright}: {part.License ?? "see below"}\n");
        }

        // Many packages have the same texts.
        foreach (IGrouping<string, NugetPart> same in parts
            .SelectMany(part => FilesOf(part).Select(file => (Part: part, Text: Text(file))))
            .GroupBy(one => one.Text, one => one.Part))
            text.Append($"\n--- {string.Join(", ", same.Select(part => part.Name).Distinct())}:\n\n{same.Key}");
        return text.ToString();
    }

    private static string[] FilesOf(NugetPart part) =>
    [
        .. Directory.GetFiles(part.Folder)
            .Where(file => s_texts.Contains(Path.GetFileName(file), StringComparer.OrdinalIgnoreCase))
            .Order(StringComparer.Ordinal),
    ];

    private static string Text(string file) =>
        File.ReadAllText(file).ReplaceLineEndings("\n").TrimEnd() + "\n";
}
