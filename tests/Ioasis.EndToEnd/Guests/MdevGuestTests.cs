using System.Diagnostics;
using System.Globalization;

namespace Ioasis.EndToEnd.Guests;

/// <summary>mdevs in guests: QEMU has them by their UUIDs, Linux's own drivers have them in the guest.</summary>
[Collection(nameof(GuestBench))]
public sealed class MdevGuestTests(GuestBench guests, Workbench bench)
{
    private const string Controller = "0000:0a:00.0";
    private const string Disk = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001";
    private const string OtherDisk = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002";
    private const string Ports = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1003";
    private const string Port = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1004";

    /// <summary>A disk of 64 MiB for each of two mdevs.</summary>
    private static readonly string[] s_disks =
    [
        "--device", $"nvme@{Controller},mdevs=2,size=192M",
        "--mdev", $"nvme-1q@{Controller},uuid={Disk}", "--mdev", $"nvme-1q@{Controller},uuid={OtherDisk}",
    ];

    /// <summary>
    /// One adapter comes through a container, all else through /dev/iommu. QEMU 11.1 can have both at once if each
    /// function has an address space of its own, as with this IOMMU, which maps and unmaps for each transfer.
    /// </summary>
    [Fact]
    public async Task A_disk_holds_files_and_serial_ports_send_back_what_they_get()
    {
        var guest = new Guest
        {
            Viommu = Viommu.Shadow,
            Devices = [],
            Mdevs = [new GuestMdev(Disk), new GuestMdev(Ports, ByGroup: true), new GuestMdev(Port)],
            RunOptions = [.. s_disks, "--mdev", $"mtty-2@mtty,uuid={Ports}", "--mdev", $"mtty-1@mtty,uuid={Port}"],
        };
        (await guests.Run(guest, "sh ./serial.sh 0000:00:11.0 0000:00:12.0 && sh ./disk.sh"))
            .MustSay("serial: 2 of 0000:00:11.0 as they must be", "serial: 1 of 0000:00:12.0 as they must be",
                "disk: all as it must be")
            .MustHaveAsked("VFIO_GROUP_GET_DEVICE_FD ok", "VFIO_DEVICE_BIND_IOMMUFD ok",
                "VFIO_DEVICE_ATTACH_IOMMUFD_PT ok", "VFIO_DEVICE_SET_IRQS ok");
    }

    /// <summary>
    /// While the survivor works, the other's mdev is used by another program, removed, and created again.
    /// </summary>
    [Fact]
    public async Task Of_two_guests_on_one_controller_one_is_killed_and_the_other_goes_on()
    {
        string victim = await guests.Work("sh ./neighbours.sh killed"),
            survivor = await guests.Work("sh ./neighbours.sh survives"), pidFile = Path.Combine(victim, "pid"),
            driver = bench.Client("nvme_rw");
        var guest = new Guest { Viommu = Viommu.None, Devices = [] };
        Guest killed = guest with { Mdevs = [new GuestMdev(Disk)], QemuOptions = ["-pidfile", pidFile] },
            surviving = guest with { Mdevs = [new GuestMdev(OtherDisk)] };
        string script = $$"""
            fail() { echo "$*"; touch {{survivor}}/over; wait; exit 1; }
            free=/sys/class/mdev_bus/{{Controller}}/mdev_supported_types/nvme-1q/available_instances
            {{guests.Boot(killed, victim)}} & victim=$!
            {{guests.Boot(surviving, survivor)}} & survivor=$!
            wait $victim && fail "the victim ended by itself"
            {{driver}} {{Disk}} mmap && {{driver}} {{Disk}} pio READ || fail "the victim's mdev does not work"
            [ $(cat $free) = 0 ] && echo 1 > /sys/bus/mdev/devices/{{Disk}}/remove || fail "not removed"
            [ ! -e /sys/bus/mdev/devices/{{Disk}} ] && [ $(cat $free) = 1 ] || fail "still there"
            echo {{Disk}} > ${free%/*}/create || fail "not there again"
            {{driver}} {{Disk}} pio READ && fail "the next owner reads its blocks"
            {{driver}} {{Disk}} pio || fail "it does not work again"
            kill -0 $survivor || fail "the survivor has ended"
            touch {{survivor}}/over
            wait $survivor
            """;
        using Execution execution = Execution.Start([bench.Launcher(Who.Self), "run", "--account",
            GuestBench.Account(survivor), .. s_disks, "--", "sh", "-c", script], patience: GuestBench.Patience);
        CancellationToken cancel = TestContext.Current.CancellationToken;
        await execution.Hear("VICTIM-BUSY");
        await File.WriteAllTextAsync(Path.Combine(survivor, "start"), "", cancel);
        await execution.Hear("SURVIVOR-BUSY");
        using (var qemu = Process.GetProcessById(
            int.Parse(await File.ReadAllTextAsync(pidFile, cancel), CultureInfo.InvariantCulture)))
            qemu.Kill(); // SIGKILL
        (await execution.End()).MustEnd().MustSay("nvme_rw: all as it must be", "neighbours: all as it must be");
    }

    /// <summary>As on Linux: without iommufd QEMU wants a group, which only emulated mdevs have.</summary>
    [Fact]
    public async Task A_part_of_a_function_is_for_iommufd_alone()
    {
        guests.MustBeThere();
        Ending ending = (await Execution.Run([bench.Launcher(Who.Self), "run", .. s_disks, "--", guests.Qemu,
            guests.Folder, "-M", "q35", "-accel", "tcg", "-nodefaults", "-nographic", "-S",
            .. Guest.MdevOptions([new GuestMdev(Disk, ByGroup: true)])])).MustEnd(1);
        Assert.Contains("no iommu_group found", ending.Error, StringComparison.Ordinal);
    }
}
