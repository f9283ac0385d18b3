using System.Text;

namespace Ioasis.EndToEnd.Guests;

/// <summary>
/// QEMU gives guests our vDPA devices (vhost-vdpa): the rings are the guest's own, and IOVAs are its physical
/// addresses.
/// </summary>
[Collection(nameof(GuestBench))]
public sealed class VdpaTests(GuestBench guests, Workbench bench)
{
    private const string Text = "A sector of the vDPA disk was read.\n";
    private const string Loaded = "The script came over the vDPA device.";
    private const string LittleRam = "6M";

    // What QEMU's shadow queues know: without packed rings and ORDER_PLATFORM. Of a device that offers more QEMU leaves
    // the control queue to the guest.
    private const string ShadowFeatures = "features=0xb389f802b";

    // Without offload of checksums Linux sends chains of one descriptor: the shadow queues of QEMU 11.1 lose others.
    private const string ShortChains = "features=0xb389f802a";
    private const int Sector = 512, Size = 8 << 20, Booted = 1;

    /// <summary>
    /// The BIOS boots from a vDPA disk: it reads sector 0, which reads the next, says it, and writes it behind itself.
    /// Private RAM is pinned, and nobody may lock more than a few MiB of it everywhere.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_BIOS_boots_from_a_vDPA_disk(bool sharedRam)
    {
        guests.MustBeThere();
        CancellationToken cancel = TestContext.Current.CancellationToken;
        string disk = Path.Combine(await bench.Scratch(Who.Self), "disk");
        var bytes = new byte[Size];
        (await File.ReadAllBytesAsync(Path.Combine(guests.Programs, "boot_sector"), cancel)).CopyTo(bytes, 0);
        Encoding.ASCII.GetBytes(Text, bytes.AsSpan(Sector));
        await File.WriteAllBytesAsync(disk, bytes, cancel);

        string[] ram = sharedRam ? SharedRam("64M") : ["-M", "q35", "-m", LittleRam];
        string device = $"virtio-blk@d0,vdpa,va={(sharedRam ? "on" : "off")},file={disk}";
        (await Execution.Run(bench.UnderIoasis(Who.Self, [device],
        [
            guests.Qemu, guests.Folder, "-accel", "tcg", .. ram, "-nodefaults", "-no-user-config", "-nographic",
            "-no-reboot", "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4",
            "-device", "vhost-vdpa-device-pci,vhostdev=/dev/vhost-vdpa-0,bootindex=0",
        ]))).MustEnd(Booted).MustSay(Text);
        byte[] written = await File.ReadAllBytesAsync(disk, cancel);
        Assert.Equal(Text, Encoding.ASCII.GetString(written, 2 * Sector, Text.Length));
    }

    /// <summary>
    /// Linux's own drivers. QEMU gives the control queue an address space of its own if its shadow queues know all that
    /// the device offers.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Two_interfaces_of_a_guest_talk(bool controlApart)
    {
        string words = $"vdpa,va=on,link=hub:h{(controlApart ? $",{ShadowFeatures}" : "")}";
        GuestEnding ending = (await guests.Run(Pair(words), "sh ./net_pair.sh")).MustSay("net_pair: all as it must be");
        if (controlApart) ending.MustHaveAsked("VHOST_VDPA_SET_GROUP_ASID ok");
        else Assert.DoesNotContain("VHOST_VDPA_SET_GROUP_ASID ok", ending.Account.Keys);
    }

    /// <summary>All rings are QEMU's own, in memory that it shares with nobody else.</summary>
    [Fact]
    public async Task Two_interfaces_of_a_guest_talk_through_shadow_queues()
    {
        string words = $"vdpa,va=on,link=hub:h,{ShortChains}";
        (await guests.Run(Pair(words, ",x-svq=on"), "sh ./net_pair.sh")).MustSay("net_pair: all as it must be");
    }

    /// <summary>
    /// The card's ROM gets an address and a script from a gateway, which is another QEMU: our device's frames go there
    /// over a socket. The ROM's driver has no control queue.
    /// </summary>
    [Theory]
    [InlineData("")]
    [InlineData(",x-svq=on")]
    public async Task The_ROM_of_a_network_card_loads_a_script_from_a_gateway(string options)
    {
        guests.MustBeThere();
        string folder = await bench.Scratch(Who.Self), socket = Path.Combine(folder, "socket");
        // QEMU ends at the reboot, and loses what is still in the serial port's buffer: so a line follows.
        string script = $"#!ipxe\necho {Loaded}\necho {new string('=', 72)}\nreboot\n";
        await File.WriteAllTextAsync(Path.Combine(folder, "script"), script, TestContext.Current.CancellationToken);
        using Execution gateway = Execution.Start(
        [
            guests.Qemu, guests.Folder, "-M", "none", "-nodefaults", "-no-user-config", "-nographic", "-qmp", "stdio",
            "-netdev", $"stream,id=device,server=on,addr.type=unix,addr.path={socket}",
            "-netdev", $"user,id=user,tftp={folder},bootfile=script",
            "-netdev", "hubport,id=one,hubid=0,netdev=device", "-netdev", "hubport,id=two,hubid=0,netdev=user",
        ]);
        Assert.Contains("QMP", await gateway.HearLine(), StringComparison.Ordinal); // it listens by now
        string device = $"virtio-net@n0,vdpa,va=on,{ShadowFeatures},link=connect:{socket}";
        (await Execution.Run(bench.UnderIoasis(Who.Self, [device],
        [
            guests.Qemu, guests.Folder, "-accel", "tcg", .. SharedRam("128M"), "-nodefaults", "-no-user-config",
            "-nographic", "-no-reboot", "-serial", "stdio",
            "-netdev", $"type=vhost-vdpa,id=n,vhostdev=/dev/vhost-vdpa-0{options}",
            "-device", "virtio-net-pci,netdev=n,disable-legacy=on,bootindex=0",
        ]))).MustEnd().MustSay(Loaded);
    }

    /// <summary>A guest with two interfaces.</summary>
    /// <param name="words">Of both devices.</param>
    /// <param name="options">Of both of QEMU's backends.</param>
    private static Guest Pair(string words, string options = "") => new()
    {
        Viommu = Viommu.None,
        SharedRam = true,
        Devices = [],
        RunOptions = ["--device", $"virtio-net@n0,{words},mac=52:54:00:00:00:01", "--device",
            $"virtio-net@n1,{words},mac=52:54:00:00:00:02"],
        QemuOptions = [.. Netdev(0, options), .. Netdev(1, options)],
    };

    private static string[] Netdev(int number, string options = "") =>
    [
        "-netdev", $"type=vhost-vdpa,id=n{number},vhostdev=/dev/vhost-vdpa-{number}{options}",
        "-device", $"virtio-net-pci,netdev=n{number},disable-legacy=on,romfile=",
    ];

    private static string[] SharedRam(string size) =>
    [
        "-M", "q35,memory-backend=ram", "-m", size,
        "-object", $"memory-backend-memfd,id=ram,size={size},share=on",
    ];

    [Fact]
    public async Task A_guests_disk_is_a_vDPA_disk()
    {
        var guest = new Guest
        {
            Viommu = Viommu.None,
            Devices = [],
            SharedRam = true,
            RunOptions = ["--device", "virtio-blk@d0,vdpa,va=on,size=64M"],
            QemuOptions = ["-device", "vhost-vdpa-device-pci,vhostdev=/dev/vhost-vdpa-0"],
        };
        (await guests.Run(guest, "sh ./virtio_disk.sh")).MustSay("virtio_disk: all as it must be");
    }
}
