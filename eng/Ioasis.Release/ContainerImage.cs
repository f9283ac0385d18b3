using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ioasis.Release;

/// <summary>
/// An image of one layer, as an OCI image layout (image-spec 1.1) in one tar file. No registry takes part. The file
/// has a manifest.json too, from which older versions of <c>docker load</c> read the same blobs.
/// </summary>
/// <param name="folder">The image's root.</param>
/// <param name="version">The version of Ioasis.</param>
/// <param name="time">The time of the image and of every file in it.</param>
internal sealed class ContainerImage(string folder, string version, DateTimeOffset time)
{
    private const string Manifest = "application/vnd.oci.image.manifest.v1+json",
        Config = "application/vnd.oci.image.config.v1+json",
        Layer = "application/vnd.oci.image.layer.v1.tar+gzip";

    private const UnixFileMode Readable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead
        | UnixFileMode.OtherRead;

    private readonly SortedDictionary<string, byte[]> _files = new(StringComparer.Ordinal);

    public void Write(string output)
    {
        byte[] tar = LayerTar();
        byte[] layer = Compress(tar);
        byte[] config = Json(new JsonObject
        {
            ["created"] = Created,
            ["architecture"] = "amd64",
            ["os"] = "linux",
            ["config"] = new JsonObject
            {
                ["Entrypoint"] = new JsonArray("/usr/bin/ioasis"),
                ["Cmd"] = new JsonArray("--help"),
                ["Env"] = new JsonArray("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
                ["WorkingDir"] = "/",
                ["Labels"] = Labels(),
            },
            ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray(Digest(tar)) },
            ["history"] = new JsonArray(new JsonObject { ["created"] = Created, ["created_by"] = "eng/release.sh" }),
        });
        byte[] manifest = Json(new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = Manifest,
            ["config"] = Blob(Config, config),
            ["layers"] = new JsonArray(Blob(Layer, layer)),
            ["annotations"] = Labels(),
        });
        JsonObject described = Blob(Manifest, manifest);
        described["annotations"] = new JsonObject { ["org.opencontainers.image.ref.name"] = version };
        described["platform"] = new JsonObject { ["architecture"] = "amd64", ["os"] = "linux" };
        _files["oci-layout"] = Json(new JsonObject { ["imageLayoutVersion"] = "1.0.0" });
        _files["index.json"] = Json(new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = "application/vnd.oci.image.index.v1+json",
            ["manifests"] = new JsonArray(described),
        });
        _files["manifest.json"] = Json(new JsonArray(new JsonObject
        {
            ["Config"] = BlobPath(config),
            ["RepoTags"] = new JsonArray($"ioasis:{version}"),
            ["Layers"] = new JsonArray(BlobPath(layer)),
        }));

        using var archive = new TarWriter(File.Create(output), TarEntryFormat.Ustar);
        foreach (string parent in (string[])["blobs/", "blobs/sha256/"])
            archive.WriteEntry(Entry(TarEntryType.Directory, parent, (UnixFileMode)0b111_101_101));
        foreach ((string name, byte[] bytes) in _files)
        {
            UstarTarEntry entry = Entry(TarEntryType.RegularFile, name, Readable);
            entry.DataStream = new MemoryStream(bytes);
            archive.WriteEntry(entry);
        }
    }

    private string Created => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", null);

    private JsonObject Labels() => new()
    {
        ["org.opencontainers.image.title"] = "ioasis",
        ["org.opencontainers.image.description"] = "The IOMMU in user space",
        ["org.opencontainers.image.licenses"] = "MIT",
        ["org.opencontainers.image.version"] = version,
        ["org.opencontainers.image.created"] = Created,
    };

    private byte[] LayerTar()
    {
        using var bytes = new MemoryStream();
        using (var archive = new TarWriter(bytes, TarEntryFormat.Ustar, leaveOpen: true))
        {
            var root = new DirectoryInfo(folder);
            foreach (FileSystemInfo each in Below(root).OrderBy(info => info.FullName, StringComparer.Ordinal))
            {
                string name = Path.GetRelativePath(root.FullName, each.FullName);
                UstarTarEntry entry;
                if (each.LinkTarget is { } target)
                {
                    entry = Entry(TarEntryType.SymbolicLink, name, (UnixFileMode)0b111_111_111);
                    entry.LinkName = target;
                }
                else if (each is DirectoryInfo)
                {
                    entry = Entry(TarEntryType.Directory, name + "/", each.UnixFileMode);
                }
                else
                {
                    entry = Entry(TarEntryType.RegularFile, name, each.UnixFileMode);
                    entry.DataStream = new MemoryStream(File.ReadAllBytes(each.FullName));
                }

                archive.WriteEntry(entry);
            }
        }

        return bytes.ToArray();
    }

    /// <summary>Everything in the folder; a link to a folder is not followed.</summary>
    private static IEnumerable<FileSystemInfo> Below(DirectoryInfo folder)
    {
        foreach (FileSystemInfo each in folder.EnumerateFileSystemInfos())
        {
            yield return each;
            if (each is not DirectoryInfo { LinkTarget: null } deeper) continue;
            foreach (FileSystemInfo one in Below(deeper)) yield return one;
        }
    }

    private UstarTarEntry Entry(TarEntryType type, string name, UnixFileMode mode) =>
        new(type, name) { Mode = mode, ModificationTime = time, Uid = 0, Gid = 0, UserName = "", GroupName = "" };

    private JsonObject Blob(string type, byte[] bytes)
    {
        _files[BlobPath(bytes)] = bytes;
        return new JsonObject { ["mediaType"] = type, ["digest"] = Digest(bytes), ["size"] = bytes.Length };
    }

    private static string BlobPath(byte[] bytes) => "blobs/" + Digest(bytes).Replace(':', '/');

    private static string Digest(byte[] bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static byte[] Json(JsonNode node) => JsonSerializer.SerializeToUtf8Bytes(node);

    private static byte[] Compress(byte[] bytes)
    {
        using var into = new MemoryStream();
        using (var gzip = new GZipStream(into, CompressionLevel.Optimal)) gzip.Write(bytes);
        return into.ToArray();
    }
}
