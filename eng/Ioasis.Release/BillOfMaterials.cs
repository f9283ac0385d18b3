using CycloneDX;
using CycloneDX.Json;
using CycloneDX.Models;

namespace Ioasis.Release;

/// <summary>
/// What a release consists of, in CycloneDX's format: the packages, and the .NET runtime within the file.
/// </summary>
internal static class BillOfMaterials
{
    private const string Npm = "npm:";

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
            .. NugetPart.Of(assetsFiles).Select(Nuget),
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

    private static Component Nuget(NugetPart part) => new()
    {
        Type = Component.Classification.Library,
        BomRef = $"pkg:nuget/{part.Name}@{part.Version}",
        Purl = $"pkg:nuget/{part.Name}@{part.Version}",
        Name = part.Name,
        Version = part.Version,
        Licenses = part.License is { } license ? License(license) : null,
        Hashes = [new Hash { Alg = Hash.HashAlgorithm.SHA_512, Content = Hex(part.Sha512) }],
    };

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
