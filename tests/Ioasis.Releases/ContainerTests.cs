using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;

namespace Ioasis.Releases;

/// <summary>The container image: its layout is what image-spec asks for, and what it describes runs.</summary>
[Collection(nameof(ReleaseBench))]
public sealed class ContainerTests(ReleaseBench release)
{
    [Fact]
    public async Task Layout_is_valid_and_the_image_runs_as_a_container()
    {
        string layout = release.Scratch(), root = release.Scratch();
        TarFile.ExtractToDirectory(release.FileOf("ioasis-*-oci.tar"), layout, overwriteFiles: false);
        Assert.Equal("1.0.0", Read(layout, "oci-layout").GetProperty("imageLayoutVersion").GetString());
        JsonElement index = Read(layout, "index.json");
        Assert.Equal(2, index.GetProperty("schemaVersion").GetInt32());
        JsonElement manifest = Blob(layout, index.GetProperty("manifests").EnumerateArray().Single(),
            "application/vnd.oci.image.manifest.v1+json");
        Assert.Equal(2, manifest.GetProperty("schemaVersion").GetInt32());
        JsonElement config = Blob(layout, manifest.GetProperty("config"),
            "application/vnd.oci.image.config.v1+json");
        Assert.Equal(("linux", "amd64"), (config.GetProperty("os").GetString(),
            config.GetProperty("architecture").GetString()));
        JsonElement[] layers = [.. manifest.GetProperty("layers").EnumerateArray()];
        JsonElement[] contents = [.. config.GetProperty("rootfs").GetProperty("diff_ids").EnumerateArray()];
        Assert.Equal(contents.Length, layers.Length);
        foreach ((JsonElement layer, JsonElement content) in layers.Zip(contents))
        {
            string file = Check(layout, layer, "application/vnd.oci.image.layer.v1.tar+gzip");
            await Unpack(file, content.GetString()!, root);
        }

        JsonElement process = config.GetProperty("config");
        string[] entry = [.. Words(process, "Entrypoint")], command = [.. Words(process, "Cmd")];
        string[] environment = [.. Words(process, "Env").SelectMany(pair =>
            (string[])["--setenv", pair[..pair.IndexOf('=')], pair[(pair.IndexOf('=') + 1)..]])];
        string[] container = ["bwrap", "--ro-bind", root, "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
            "--unshare-all", "--die-with-parent", "--clearenv", .. environment, "--"];
        (await Execution.Run([.. container, .. entry, .. command])).MustEnd().MustSay("the IOMMU in user space");
        Assert.True(File.Exists(Path.Combine(root, "usr/bin/ioasis-web")));
        (await Execution.Run([.. container, .. entry, "demo"])).MustEnd().MustSay("ok   4096 bytes of memory are");
        (await Execution.Run([.. container, .. entry, "run", "--", "busybox", "ls", "/dev/vfio/devices"]))
            .MustEnd().MustSay("vfio0");
    }

    private static JsonElement Read(string layout, string file) =>
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine(layout, file))).RootElement;

    private static JsonElement Blob(string layout, JsonElement descriptor, string type) =>
        JsonDocument.Parse(File.ReadAllBytes(Check(layout, descriptor, type))).RootElement;

    /// <summary>The file that a descriptor names; its type, size and digest are what the descriptor says.</summary>
    private static string Check(string layout, JsonElement descriptor, string type)
    {
        Assert.Equal(type, descriptor.GetProperty("mediaType").GetString());
        string digest = descriptor.GetProperty("digest").GetString()!;
        string file = Path.Combine(layout, "blobs", digest.Replace(':', '/'));
        Assert.Equal(descriptor.GetProperty("size").GetInt64(), new FileInfo(file).Length);
        using FileStream bytes = File.OpenRead(file);
        Assert.Equal(digest, "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes)));
        return file;
    }

    private static async Task Unpack(string layer, string content, string root)
    {
        await using (var gzip = new GZipStream(File.OpenRead(layer), CompressionMode.Decompress))
            Assert.Equal(content, "sha256:" + Convert.ToHexStringLower(await SHA256.HashDataAsync(gzip)));
        (await Execution.Run(["tar", "-xzf", layer, "-C", root])).MustEnd();
    }

    private static IEnumerable<string> Words(JsonElement element, string name) =>
        element.GetProperty(name).EnumerateArray().Select(word => word.GetString()!);
}
