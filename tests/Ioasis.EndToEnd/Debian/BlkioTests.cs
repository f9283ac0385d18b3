using System.Security.Cryptography;

namespace Ioasis.EndToEnd.Debian;

/// <summary>Programs that reach our vDPA disk through libblkio: QEMU's qemu-io and qemu-img, and nbdkit.</summary>
[Collection(nameof(DebianBench))]
public sealed class BlkioTests(DebianBench debian, Workbench bench)
{
    private const string Suite = "trixie", Node = "/dev/vhost-vdpa-0";
    private const string Image = $"driver=virtio-blk-vhost-vdpa,path={Node},cache.direct=on";
    private const int Size = 16 << 20;

    [Fact]
    public async Task Qemu_io_reads_what_it_wrote()
    {
        string disk = await NewDisk();
        string[] commands =
        [
            "write -P 0x5a 4k 64k", "read -P 0x5a 4k 64k", "write -z 4k 4k", "read -P 0 4k 4k", "read -P 0x5a 8k 60k",
            "write -P 0x33 2M 3M", "read -P 0x33 2M 3M", "aio_write -P 0x44 8M 1M", "aio_write -P 0x45 9M 1M",
            "aio_flush", "aio_read -P 0x44 8M 1M", "aio_read -P 0x45 9M 1M", "aio_flush", "discard 12k 4k", "flush",
        ];
        Ending ending = (await Run(disk, "qemu-io", ["--image-opts", Image,
            .. commands.SelectMany(command => new[] { "-c", command })])).MustEnd();
        Assert.DoesNotContain("failed", ending.ToString(), StringComparison.OrdinalIgnoreCase);

        byte[] bytes = await File.ReadAllBytesAsync(disk, TestContext.Current.CancellationToken);
        Assert.Equal(Size, bytes.Length);
        AssertAll(0, bytes.AsSpan(4 << 10, 4 << 10));
        AssertAll(0x5a, bytes.AsSpan(8 << 10, 4 << 10));
        AssertAll(0, bytes.AsSpan(12 << 10, 4 << 10)); // what was discarded is a hole
        AssertAll(0x5a, bytes.AsSpan(16 << 10, 52 << 10));
        AssertAll(0x33, bytes.AsSpan(2 << 20, 3 << 20));
        AssertAll(0x44, bytes.AsSpan(8 << 20, 1 << 20));
        AssertAll(0x45, bytes.AsSpan(9 << 20, 1 << 20));
    }

    [Fact]
    public async Task Qemu_img_knows_its_size() =>
        (await Run(await NewDisk(), "qemu-img", ["info", "--image-opts", Image])).MustEnd()
            .MustSay($"virtual size: 16 MiB ({Size} bytes)");

    /// <summary>
    /// nbdkit opens the node anew for each client, and maps more than may be locked everywhere.
    /// </summary>
    [Fact]
    public async Task Nbdkit_exports_it()
    {
        string disk = await NewDisk();
        string copy = $"'{string.Join("' '", debian.Words(Suite, "nbdcopy"))}' \"$uri\" - | sha256sum";
        Ending ending = await Run(disk, "nbdkit",
            ["-U", "-", DebianBench.FileOf(Suite, "usr/lib/x86_64-linux-gnu/nbdkit/plugins/nbdkit-blkio-plugin.so"),
                "virtio-blk-vhost-vdpa", $"path={Node}", "--run", $"{copy}; {copy}"]);
        string sum = Convert.ToHexStringLower(SHA256.HashData(
            await File.ReadAllBytesAsync(disk, TestContext.Current.CancellationToken)));
        Assert.Equal([$"{sum}  -", $"{sum}  -"],
            ending.MustEnd().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private async Task<Ending> Run(string disk, string program, string[] arguments)
    {
        string va = program == "nbdkit" ? "on" : "off";
        using Execution execution = debian.Start(
            Suite, [$"virtio-blk@d0,vdpa,va={va},file={disk}"], program, arguments);
        return await execution.End();
    }

    private async Task<string> NewDisk()
    {
        string disk = Path.Combine(await bench.Scratch(Who.Self), "disk");
        var bytes = new byte[Size];
        new Random(1).NextBytes(bytes);
        await File.WriteAllBytesAsync(disk, bytes);
        return disk;
    }

    private static void AssertAll(byte value, ReadOnlySpan<byte> bytes) =>
        Assert.Equal(-1, bytes.IndexOfAnyExcept(value));
}
