using System.Text;

namespace Ioasis.EndToEnd.Guests;

/// <summary>
/// QEMU 11.1 and 10 with KVM, unmodified: its BIOS boots from our disk. The sector that it boots reads one of the disk
/// through the BIOS, says it, and writes it to another. Without /dev/kvm that is said, and does not count.
/// </summary>
[Collection(nameof(GuestBench))]
public sealed class KvmBootTests(GuestBench guests, Workbench bench)
{
    private const string Bdf = "0000:0a:00.0", Text = "A sector of the disk was read.\n";
    private const string Uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001";
    private const int Sector = 512, Size = 8 << 20;

    private const string MdevDescription =
        $$"""{ "type": "nvme-1q", "parent": "{{Bdf}}", "uuid": "{{Uuid}}" }""";

    /// <summary>What the debug exit makes of a 0: nothing else ends QEMU with that.</summary>
    private const int Booted = 1;

    /// <summary>How QEMU gets the disk.</summary>
    public enum Way
    {
        /// <summary>By its address, through /dev/iommu.</summary>
        Address,

        /// <summary>By descriptors that whoever starts QEMU has opened.</summary>
        Descriptor,

        /// <summary>By its address, through its group and a container.</summary>
        Group,

        /// <summary>An mdev that has the second half of the disk.</summary>
        Mdev,
    }

    [Theory]
    [InlineData(Way.Address, "")]
    [InlineData(Way.Descriptor, "")]
    [InlineData(Way.Group, "")]
    [InlineData(Way.Mdev, "")]
    [InlineData(Way.Address, "10")]
    [InlineData(Way.Mdev, "10")]
    public async Task The_BIOS_boots_from_our_disk(Way way, string series)
    {
        guests.MustBeThere();
        MustHaveKvm();
        CancellationToken cancel = TestContext.Current.CancellationToken;
        string work = await bench.Scratch(Who.Self), disk = Path.Combine(work, "disk"),
            machine = Path.Combine(work, "machine.json");
        byte[] image = DiskOf(await File.ReadAllBytesAsync(Path.Combine(guests.Programs, "boot_sector"), cancel));
        int mdevs = way == Way.Mdev ? 1 : 0, start = mdevs * Size;
        await File.WriteAllBytesAsync(disk, [.. new byte[start], .. image], cancel);
        await File.WriteAllTextAsync(
            machine,
            $$"""
            { "devices": [{ "model": "nvme", "address": "{{Bdf}}",
                "properties": { "file": "{{disk}}", "size": {{start + Size}}, "mdevs": {{mdevs}} } }],
              "mdevs": [{{(mdevs == 0 ? "" : MdevDescription)}}] }
            """,
            cancel);

        string[] qemu =
        [
            guests.Qemu, guests.Folder, "-accel", "kvm", "-M", "q35", "-m", "64M", "-nodefaults", "-no-user-config",
            "-nographic", "-no-reboot",
            "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4",
            .. way switch
            {
                Way.Address => Guest.AddressOptions([Bdf]),
                Way.Descriptor => Guest.DescriptorOptions([Bdf]),
                Way.Mdev => [.. Guest.AddressOptions([]), .. Guest.MdevOptions([new GuestMdev(Uuid)])],
                _ => ["-device", $"vfio-pci,host={Bdf}"],
            },
        ];
        string[] command = way == Way.Descriptor ? ["sh", "-c", Guest.Opening([Bdf]), "sh", .. qemu] : qemu;
        Dictionary<string, string> environment = new() { ["QEMU_SERIES"] = series };
        string[] run = [bench.Launcher(Who.Self), "run", "--account", GuestBench.Account(work), "--machine", machine,
            "--", .. command];
        Ending ending = await Execution.Run(run, environment);
        ending.MustEnd(Booted).MustSay(Text);
        // KVM unmasks the function's line at the end of interrupt: QEMU could set that up each time the guest changed
        // how it is routed.
        Assert.DoesNotContain("UNMASK eventfd", ending.Error, StringComparison.Ordinal);
        new GuestEnding(ending, await GuestBench.ReadAccount(work)).MustHaveAsked("KVM_DEV_VFIO_FILE_ADD ok");
        byte[] written = await File.ReadAllBytesAsync(disk, cancel);
        Assert.Equal(Text, Encoding.ASCII.GetString(written, start + (2 * Sector), Text.Length));
    }

    [Fact]
    public async Task The_command_of_the_README_boots_from_our_disk()
    {
        guests.MustBeThere();
        CancellationToken cancel = TestContext.Current.CancellationToken;
        string disk = Path.Combine(await bench.Scratch(Who.Self), "disk.img");
        await File.WriteAllBytesAsync(
            disk, DiskOf(await File.ReadAllBytesAsync(Path.Combine(guests.Programs, "boot_sector"), cancel)), cancel);
        string readme = await File.ReadAllTextAsync(Path.Combine(bench.Root, "README.md"), cancel);
        string command = readme[readme.IndexOf("./ioasis run --device nvme@", StringComparison.Ordinal)..];
        string[] words = command[..command.IndexOf("\n```", StringComparison.Ordinal)]
            .Replace("\\\n", "", StringComparison.Ordinal)
            .Replace("disk.img", disk, StringComparison.Ordinal)
            .Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("./ioasis", words[0]);
        Assert.Contains("qemu-system-x86_64", words);
        string[] run =
        [
            bench.Launcher(Who.Self),
            .. words[1..].SelectMany(w => w == "qemu-system-x86_64" ? [guests.Qemu, guests.Folder] : new[] { w }),
            "-device", "isa-debug-exit,iobase=0xf4", "-no-reboot",
        ];
        (await Execution.Run(run)).MustEnd(Booted).MustSay(Text);
    }

    private static void MustHaveKvm()
    {
        try
        {
            using FileStream kvm = new("/dev/kvm", FileMode.Open, FileAccess.ReadWrite);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Assert.Skip($"no /dev/kvm to be had: {e.Message}");
        }
    }

    private static byte[] DiskOf(byte[] bootSector)
    {
        Assert.Equal(Sector, bootSector.Length);
        var disk = new byte[Size];
        bootSector.CopyTo(disk, 0);
        Encoding.ASCII.GetBytes(Text, disk.AsSpan(Sector));
        return disk;
    }
}
