namespace Ioasis.EndToEnd;

/// <summary>A virtio driver in user space, on VFIO.</summary>
public sealed class VirtioPciTests(Workbench bench)
{
    private const string Bdf = "0000:08:00.0";

    [Theory]
    [InlineData(Who.Self, "mmap")]
    [InlineData(Who.Nobody, "pio")]
    public async Task A_disk_keeps_what_is_written(Who who, string how)
    {
        string disk = Path.Combine(await bench.Scratch(who), "disk.img");
        Ending ending = await Execution.Run([.. Workbench.As(who), bench.Launcher(who), "run", "--device",
            $"virtio-blk@{Bdf},file={disk},size=8M", "--", bench.Client("virtio_pci"), Bdf, how]);
        ending.MustEnd().MustSay("a disk of 16384 sectors", "written and read back: ok",
            "virtio_pci: all as it must be");
        Assert.Equal(8 << 20, new FileInfo(disk).Length);
    }

    [Theory]
    [InlineData(Who.Self, "mmap")]
    [InlineData(Who.Nobody, "pio")]
    public async Task A_card_gets_what_it_sends(Who who, string how)
    {
        Ending ending = await Execution.Run([.. Workbench.As(who), bench.Launcher(who), "run", "--device",
            $"virtio-net@{Bdf},mac=52:54:00:00:00:07", "--", bench.Client("virtio_pci"), Bdf, how]);
        ending.MustEnd().MustSay("a card, 52:54:00:00:00:07", "sent and received: ok",
            "virtio_pci: all as it must be");
    }
}
