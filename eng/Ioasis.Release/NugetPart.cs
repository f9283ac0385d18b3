using System.Text.Json;
using System.Xml.Linq;

namespace Ioasis.Release;

/// <summary>A NuGet package whose code is within a program: a library, or the runtime itself.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Version">Its version.</param>
/// <param name="Sha512">The hash of the package, in base64.</param>
/// <param name="Folder">Where NuGet laid its contents.</param>
internal sealed record NugetPart(string Name, string Version, string Sha512, string Folder)
{
    private const string Framework = "net10.0/linux-x64";

    private static readonly string[] s_runtimes =
        ["Microsoft.NETCore.App.Runtime.linux-x64", "Microsoft.AspNetCore.App.Runtime.linux-x64"];

    /// <summary>The licence, as an identifier of SPDX; null where the package has none.</summary>
    public string? License =>
        Metadata("license") is { } license && (string?)license.Attribute("type") == "expression" ? license.Value : null;

    /// <summary>Whose it is.</summary>
    public string? Copyright => Metadata("copyright")?.Value;

    /// <summary>All parts of some programs, each once, by name.</summary>
    /// <param name="assetsFiles">What NuGet resolved for each program (project.assets.json), with commas between
    /// them.</param>
    public static IReadOnlyList<NugetPart> Of(string assetsFiles) =>
    [
        .. assetsFiles.Split(',').SelectMany(OfProgram).DistinctBy(part => (part.Name, part.Version))
            .OrderBy(part => part.Name, StringComparer.Ordinal).ThenBy(part => part.Version, StringComparer.Ordinal),
    ];

    private static List<NugetPart> OfProgram(string assetsFile)
    {
        using JsonDocument assets = JsonDocument.Parse(File.ReadAllBytes(assetsFile));
        JsonElement root = assets.RootElement;
        string packages = root.GetProperty("packageFolders").EnumerateObject().First().Name;
        return [.. Libraries(root, packages), .. Runtimes(root, packages)];
    }

    private static IEnumerable<NugetPart> Libraries(JsonElement root, string packages)
    {
        JsonElement libraries = root.GetProperty("libraries");
        foreach (JsonProperty one in root.GetProperty("targets").GetProperty(Framework).EnumerateObject())
        {
            if (one.Value.GetProperty("type").GetString() != "package") continue;
            if (!one.Value.TryGetProperty("runtime", out _)) continue; // used by the build alone
            string[] name = one.Name.Split('/');
            yield return new NugetPart(name[0], name[1], libraries.GetProperty(one.Name).GetProperty("sha512")
                .GetString()!, Path.Combine(packages, name[0].ToLowerInvariant(), name[1]));
        }
    }

    /// <summary>The runtimes are no dependencies, but packs that the SDK downloads.</summary>
    private static IEnumerable<NugetPart> Runtimes(JsonElement root, string packages)
    {
        foreach (JsonProperty framework in root.GetProperty("project").GetProperty("frameworks").EnumerateObject())
        {
            foreach (JsonElement one in framework.Value.GetProperty("downloadDependencies").EnumerateArray())
            {
                string name = one.GetProperty("name").GetString()!, lower = name.ToLowerInvariant();
                if (!s_runtimes.Contains(name, StringComparer.OrdinalIgnoreCase)) continue;
                string version = one.GetProperty("version").GetString()!.Trim('[', ']').Split(',')[0];
                string folder = Path.Combine(packages, lower, version);
                string hash = Path.Combine(folder, $"{lower}.{version}.nupkg.sha512");
                yield return new NugetPart(name, version, File.ReadAllText(hash), folder);
            }
        }
    }

    private XElement? Metadata(string name) =>
        XDocument.Load(Path.Combine(Folder, Name.ToLowerInvariant() + ".nuspec")).Root!
            .Elements().First(element => element.Name.LocalName == "metadata")
            .Elements().FirstOrDefault(element => element.Name.LocalName == name);
}
