using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;

namespace Ioasis.Release;

/// <summary>
/// Writes a NuGet package again so that equal contents give equal bytes: entries in order, one time, and names and
/// identifiers that the packer chooses at random made from what they name.
/// </summary>
internal static class NugetPackage
{
    private const string Properties = "package/services/metadata/core-properties/";

    public static void Normalize(string file, DateTimeOffset time)
    {
        SortedDictionary<string, byte[]> entries = Read(file);
        string random = entries.Keys.Single(name => name.StartsWith(Properties, StringComparison.Ordinal));
        string chosen = $"{Properties}{Name(entries[random])}.psmdcp";
        entries[chosen] = entries[random];
        if (chosen != random) entries.Remove(random);
        entries["_rels/.rels"] = Relations(entries["_rels/.rels"], "/" + random, "/" + chosen);

        using var archive = new ZipArchive(File.Create(file), ZipArchiveMode.Create);
        foreach ((string name, byte[] bytes) in entries)
        {
            ZipArchiveEntry entry = archive.CreateEntry(name, CompressionLevel.Optimal);
            entry.LastWriteTime = time.UtcDateTime;
            using Stream into = entry.Open();
            into.Write(bytes);
        }
    }

    private static SortedDictionary<string, byte[]> Read(string file)
    {
        var entries = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        using ZipArchive archive = ZipFile.OpenRead(file);
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            using Stream from = entry.Open();
            using var bytes = new MemoryStream();
            from.CopyTo(bytes);
            entries.Add(entry.FullName, bytes.ToArray());
        }

        return entries;
    }

    private static byte[] Relations(byte[] xml, string random, string chosen)
    {
        XDocument document = XDocument.Parse(Encoding.UTF8.GetString(xml).TrimStart('\uFEFF'));
        foreach (XElement one in document.Root!.Elements())
        {
            if ((string?)one.Attribute("Target") == random) one.SetAttributeValue("Target", chosen);
            one.SetAttributeValue("Id", "R" + Name(Encoding.UTF8.GetBytes((string)one.Attribute("Target")!))[..16]);
        }

        return Encoding.UTF8.GetBytes(document.Declaration + "\n" + document);
    }

    private static string Name(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes))[..32];
}
