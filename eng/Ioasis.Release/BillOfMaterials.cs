using System.Text.Json;
using System.Xml.Linq;
using CycloneDX;
using CycloneDX.Json;
using CycloneDX.Models;

namespace Ioasis.Release;

/// <summary>
/// What a release consists of, in CycloneDX's format: the packages, and the .NET runtime within the file.
/// </summary>
internal static class BillOfMaterials
{
    private const string Framework = "net10.0/linux-x64", Npm = "npm:";

    private static readonly string[] s_runtimes =
        ["Microsoft.NETCore.App.Runtime.linux-x64", "Microsoft.AspNetCore.App.Runtime.linux-x64"];

    /// <param name="assetsFiles">What NuGet resolved for each program (project.assets.json), with commas between
    /// them.</param>
    /// <param name="version">The version of Ioasis.</param>
    /// <param name="time">When the release was made.</param>
    /// <param name="others">The Debian packages of the container image, as NAME_VERSION, and the page's libraries, as
    /// npm:NAME_VERSION_LICENCE.</param>
    /// <exception cref="InvalidDataException">CycloneDX's schema refuses what was made.</exception>
    public static string Of(string assetsFiles, string version, DateTimeOffset time, string[] others)
    {
        var program = new Component
        {
            Type = Component.Classification.Application,
            BomRef = $"pkg:generic/ioasis@{version}",
            Purl = $"pkg:generic/ioasis@{version}",
            Name = "ioasis",
            Version = version,
            Licenses = License("MIT"),
        };
        List<Component> parts =
        [
            .. assetsFiles.Split(',').SelectMany(PartsOf).DistinctBy(part => part.BomRef),
            .. others.Select(one => one.StartsWith(Npm, StringComparison.Ordinal) ? OfPage(one) : Debian(one)),
        ];
        parts.Sort((left, right) => string.CompareOrdinal(left.BomRef, right.BomRef));
        var bom = new Bom
        {
            SpecVersion = SpecificationVersion.v1_6,
            Version = 1,
            Metadata = new Metadata { Timestamp = time.UtcDateTime, Component = program },
            Components = parts,
            Dependencies =
            [
                new Dependency
                {
                    Ref = program.BomRef,
                    Dependencies = [.. parts.Select(part => new Dependency { Ref = part.BomRef })],
                },
            ],
        };
        string json = Serializer.Serialize(bom);
        ValidationResult result = Validator.Validate(json, SpecificationVersion.v1_6);
        return result.Valid
            ? json
            : throw new InvalidDataException("the bill of materials is not valid: "
                + string.Join("; ", result.Messages));
    }

    private static List<Component> PartsOf(string assetsFile)
    {
        using JsonDocument assets = JsonDocument.Parse(File.ReadAllBytes(assetsFile));
        JsonElement root = assets.RootElement;
        string packages = root.GetProperty("packageFolders").EnumerateObject().First().Name;
        return [.. Packages(root, packages), .. Runtime(root, packages)];
    }

    private static IEnumerable<Component> Packages(JsonElement root, string folder)
    {
        JsonElement libraries = root.GetProperty("libraries");
        foreach (JsonProperty one in root.GetProperty("targets").GetProperty(Framework).EnumerateObject())
        {
            if (one.Value.GetProperty("type").GetString() != "package") continue;
            if (!one.Value.TryGetProperty("runtime", out _)) continue; // used by the build alone
            string sha512 = libraries.GetProperty(one.Name).GetProperty("sha512").GetString()!;
            string[] name = one.Name.Split('/');
            yield return Package(folder, name[0], name[1], sha512);
        }
    }

    /// <summary>The runtimes are no dependencies, but packs that the SDK downloads.</summary>
    private static IEnumerable<Component> Runtime(JsonElement root, string folder)
    {
        foreach (JsonProperty framework in root.GetProperty("project").GetProperty("frameworks").EnumerateObject())
        {
            foreach (JsonElement one in framework.Value.GetProperty("downloadDependencies").EnumerateArray())
            {
                string name = one.GetProperty("name").GetString()!;
                if (!s_runtimes.Contains(name, StringComparer.OrdinalIgnoreCase)) continue;
                string version = one.GetProperty("version").GetString()!.Trim('[', ']').Split(',')[0];
                string file = $"{name}.{version}.nupkg.sha512".ToLowerInvariant();
                string path = Path.Combine(folder, name.ToLowerInvariant(), version, file);
                yield return Package(folder, name, version, File.ReadAllText(path));
            }
        }
    }

    private static Component Package(string folder, string name, string version, string sha512)
    {
        string lower = name.ToLowerInvariant();
        XElement metadata = XDocument.Load(Path.Combine(folder, lower, version, lower + ".nuspec")).Root!
            .Elements().First(element => element.Name.LocalName == "metadata");
        string? license = metadata.Elements().FirstOrDefault(element =>
            element.Name.LocalName == "license" && (string?)element.Attribute("type") == "expression")?.Value;
        return new Component
        {
            Type = Component.Classification.Library,
            BomRef = $"pkg:nuget/{name}@{version}",
            Purl = $"pkg:nuget/{name}@{version}",
            Name = name,
            Version = version,
            Licenses = license is null ? null : License(license),
            Hashes = [new Hash { Alg = Hash.HashAlgorithm.SHA_512, Content = Hex(sha512) }],
        };
    }

    private static Component Debian(string package)
    {
        string[] name = package.Split('_');
        string purl = $"pkg:deb/debian/{name[0]}@{Uri.EscapeDataString(name[1])}";
        return new Component
        {
            Type = Component.Classification.Library,
            BomRef = purl,
            Purl = purl,
            Name = name[0],
            Version = name[1],
            Description = "in the container image alone",
        };
    }

    private static Component OfPage(string library)
    {
        string[] words = library[Npm.Length..].Split('_');
        string purl = $"pkg:npm/{words[0]}@{words[1]}";
        return new Component
        {
            Type = Component.Classification.Library,
            BomRef = purl,
            Purl = purl,
            Name = words[0],
            Version = words[1],
            Licenses = License(words[2]),
            Description = "on the page",
        };
    }

    private static List<LicenseChoice> License(string id) => [new() { License = new License { Id = id } }];

    private static string Hex(string base64) => Convert.ToHexStringLower(Convert.FromBase64String(base64.Trim()));
}
