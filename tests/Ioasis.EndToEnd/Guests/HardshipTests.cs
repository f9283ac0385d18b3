using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Ioasis.EndToEnd.Guests;

/// <summary>Guests that are hostile, reset or killed: they see what they would on hardware, and we go on.</summary>
[Collection(nameof(GuestBench))]
public sealed class HardshipTests(GuestBench guests)
{
    private const string Monitor = "monitor";

    [Fact]
    public async Task Page_tables_that_are_garbage_hurt_nobody_else() =>
        (await guests.Run(new Guest { ViommuOptions = ",device-iotlb=on", QemuOptions = ["-cpu", "max,la57=off"] }, "sh ./garbage.sh"))
            .MustSay("guest_garbage: all as it must be", "guest_sva: all as it must be");

    [Fact]
    public async Task Functions_are_reset_while_they_work() =>
        (await guests.Run(new Guest { Devices = DeviceTests.Functions }, $"sh ./resets.sh {Guest.Bdf}")).MustSay("resets: all as it must be");

    /// <summary>The supervisor is one and the same for both.</summary>
    [Fact]
    public async Task Killed_in_the_middle_of_its_work_a_guest_boots_again()
    {
        string work = await guests.Work("sh ./killed.sh");
        string pidFile = Path.Combine(work, "pid");
        var guest = new Guest { Devices = DeviceTests.Functions, QemuOptions = ["-pidfile", pidFile] };
        string[] words = guests.Under(guest, work);
        int program = Array.IndexOf(words, "--") + 1;
        using Execution execution = Execution.Start([.. words[..program], "sh", "-c", "\"$@\"; \"$@\"", "sh", .. words[program..]], guest.Environment);
        await execution.Hear("BUSY");
        using (var qemu = Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(pidFile, TestContext.Current.CancellationToken), CultureInfo.InvariantCulture)))
            qemu.Kill(); // SIGKILL
        (await execution.End()).MustEnd().MustSay("disk: all as it must be");
    }

    /// <summary>Our functions cannot be migrated, and QEMU says so; the guest does not notice.</summary>
    [Fact]
    public async Task A_migration_is_refused()
    {
        string work = await guests.Work("echo READY; while [ ! -e refused ]; do sleep 0.2; done; sh ./clients.sh " + $"{Guest.Bdf} dmatest_mmio");
        string monitor = Path.Combine(work, Monitor);
        var guest = new Guest { QemuOptions = ["-monitor", $"unix:{monitor},server=on,wait=off"] };
        using Execution execution = Execution.Start(guests.Under(guest, work), guest.Environment);
        await execution.Hear("READY");
        string answer = await Command(monitor, $"migrate file:{Path.Combine(work, "migrated")}");
        Assert.Contains("VFIO migration init failed: migration is not supported in kernel", answer, StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(work, "refused"), "", TestContext.Current.CancellationToken);
        (await execution.End()).MustEnd().MustSay("dmatest by mmap: all as it must be");
        Assert.Equal(0, new FileInfo(Path.Combine(work, "migrated")) is { Exists: true } file ? file.Length : 0);
    }

    /// <summary>What QEMU's monitor answers.</summary>
    private static async Task<string> Command(string monitor, string command)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(monitor), TestContext.Current.CancellationToken);
        await Answer(socket);
        await socket.SendAsync(Encoding.ASCII.GetBytes(command + "\n"), TestContext.Current.CancellationToken);
        return await Answer(socket);
    }

    private static async Task<string> Answer(Socket socket)
    {
        var text = new StringBuilder();
        byte[] buffer = new byte[4096];
        while (!text.ToString().EndsWith("(qemu) ", StringComparison.Ordinal))
        {
            int read = await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken);
            if (read == 0) break;
            text.Append(Encoding.ASCII.GetString(buffer, 0, read));
        }

        return text.ToString();
    }
}
