using System.Diagnostics;
using System.Globalization;

namespace Ioasis.EndToEnd.Guests;

/// <summary>Guests that are hostile, reset or killed: they see what they would on hardware, and we go on.</summary>
[Collection(nameof(GuestBench))]
public sealed class HardshipTests(GuestBench guests)
{
    [Fact]
    public async Task Page_tables_that_are_garbage_hurt_nobody_else() =>
        (await guests.Run(new Guest { ViommuOptions = ",device-iotlb=on", QemuOptions = ["-cpu", "max,la57=off"] },
            "sh ./garbage.sh"))
            .MustSay("guest_garbage: all as it must be", "guest_sva: all as it must be");

    [Fact]
    public async Task Functions_are_reset_while_they_work() =>
        (await guests.Run(new Guest { Devices = DeviceTests.Functions }, $"sh ./resets.sh {Guest.Bdf}"))
        .MustSay("resets: all as it must be");

    /// <summary>The supervisor is one and the same for both.</summary>
    [Fact]
    public async Task Killed_in_the_middle_of_its_work_a_guest_boots_again()
    {
        string work = await guests.Work("sh ./killed.sh");
        string pidFile = Path.Combine(work, "pid");
        var guest = new Guest { Devices = DeviceTests.Functions, QemuOptions = ["-pidfile", pidFile] };
        string[] words = guests.Under(guest, work);
        int program = Array.IndexOf(words, "--") + 1;
        using Execution execution = Execution.Start([.. words[..program], "sh", "-c", "\"$@\"; \"$@\"", "sh",
                .. words[program..]], guest.Environment, GuestBench.Patience);
        await execution.Hear("BUSY");
        using (var qemu = Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(pidFile,
                TestContext.Current.CancellationToken), CultureInfo.InvariantCulture)))
            qemu.Kill(); // SIGKILL
        (await execution.End()).MustEnd().MustSay("disk: all as it must be");
    }

    /// <summary>
    /// Our functions cannot be migrated, and QEMU says so. (A guest with shared folders could not be either, so there
    /// is none.)
    /// </summary>
    [Fact]
    public async Task A_migration_is_refused()
    {
        string work = await guests.Work("");
        const string Order = """
            { "execute": "qmp_capabilities" }
            { "execute": "migrate", "arguments": { "uri": "file:migrated" } }
            { "execute": "quit" }

            """;
        string[] words = guests.Under(new Guest(), work);
        string[] qemu =
        [
            guests.Qemu, guests.Folder, "-M", "q35", "-accel", "tcg", "-nodefaults", "-nographic", "-S",
            "-qmp", "stdio",
            "-object", "iommufd,id=iommufd0", "-device", $"vfio-pci,host={Machine.DmaTest},iommufd=iommufd0",
        ];
        (await Execution.Run([.. words[..(Array.IndexOf(words, "--") + 1)], .. qemu], input: Order)).MustEnd()
            .MustSay("VFIO migration init failed: migration is not supported in kernel");
    }
}
