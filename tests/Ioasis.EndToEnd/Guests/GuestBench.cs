using System.Globalization;

namespace Ioasis.EndToEnd.Guests;

/// <summary>The tests of guests, one after the other: each boots a machine of its own, in software.</summary>
[CollectionDefinition(nameof(GuestBench))]
public sealed class GuestCollection : ICollectionFixture<GuestBench>;

/// <summary>
/// QEMU 11.1, Linux 7.2 and what goes into a guest, in a folder of their own: artifacts/qemu, or IOASIS_QEMU.
/// </summary>
public sealed class GuestBench(Workbench bench) : IAsyncLifetime
{
    private static readonly TimeSpan s_download = TimeSpan.FromMinutes(30);

    /// <summary>Longer than for other programs: all that a guest does takes a processor many times as long.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private string? _missing;

    /// <summary>Programs that guests run: statically linked, so that they need nothing of the guest.</summary>
    private static readonly string[] s_programs =
    [
        "dmatest_mmio", "dmatest_pio", "dmatest_msix", "edu_pio", "in_flight", "map_file", "fork_fds", "pasids",
    ];

    internal string Folder { get; } = FolderOf(bench);

    internal static string FolderOf(Workbench bench) =>
        Environment.GetEnvironmentVariable("IOASIS_QEMU") ?? Path.Combine(bench.Root, "artifacts/qemu");

    /// <summary>QEMU itself; it takes the folder first.</summary>
    internal string Qemu => Path.Combine(Scripts, "qemu.sh");

    private string Scripts => Path.Combine(bench.Root, "eng/qemu");

    internal string Programs => Path.Combine(bench.Folder, "guest");

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        foreach (string script in (string[])["chroot.sh", "modules.sh", "initramfs.sh"])
        {
            Ending ending = await Execution.Run([Path.Combine(Scripts, script), Folder], patience: s_download);
            if (ending.Code != 0 && !Environment.IsPrivilegedProcess)
            {
                _missing = $"guests need {Folder}, which only root can make: eng/qemu/{script} said {ending}";
                return;
            }

            ending.MustEnd();
        }

        string uapi = (await Execution.Run([Path.Combine(bench.Root, "eng/uapi-headers.sh")])).MustEnd().Output.Trim();
        string tests = Path.Combine(bench.Root, "tests");
        IEnumerable<string> clients = s_programs.Select(name => Path.Combine(Programs, name));
        (await Execution.Run(["make", "-s", "-C", Path.Combine(tests, "Clients"), $"OUT={Programs}", $"UAPI={uapi}",
                "LDFLAGS=-static", .. clients])).MustEnd();
        (await Execution.Run(["make", "-s", "-C", Path.Combine(tests, "Guest"), $"OUT={Programs}", $"UAPI={uapi}"]))
            .MustEnd();
        foreach (string script in Directory.EnumerateFiles(Path.Combine(tests, "Guest"), "*.sh"))
            File.Copy(script, Path.Combine(Programs, Path.GetFileName(script)));
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => default;

    /// <summary>A folder that a guest sees as /mnt/work, with all programs and this command.</summary>
    internal async Task<string> Work(string command)
    {
        MustBeThere();
        string folder = await bench.Scratch(Who.Self);
        (await Execution.Run(["cp", "-r", Path.Combine(Programs, "."), folder])).MustEnd();
        await File.WriteAllTextAsync(Path.Combine(folder, "command"), command + "\n");
        return folder;
    }

    /// <summary>
    /// Skips a test that the folder is missing for, or fails it: who runs everything wants to know of what was not run.
    /// </summary>
    internal void MustBeThere()
    {
        if (_missing is not null && Environment.GetEnvironmentVariable("IOASIS_ALL") is not null) Assert.Fail(_missing);
        if (_missing is not null) Assert.Skip(_missing);
    }

    /// <summary>The words that run a guest under ioasis.</summary>
    internal string[] Under(Guest guest, string work) =>
    [
        bench.Launcher(Who.Self), "run", "--account", Account(work), .. guest.HostOptions, "--",
        .. guest.Command(Path.Combine(Scripts, "guest.sh"), Folder, work),
    ];

    /// <summary>The words that boot a guest without ioasis: all its devices are QEMU's.</summary>
    internal string[] Alone(string work, params string[] qemuOptions) =>
        [Path.Combine(Scripts, "guest.sh"), Folder, work, .. qemuOptions];

    /// <summary>The command of a shell that boots a guest, for programs that boot several.</summary>
    internal string Boot(Guest guest, string work) => string.Join(' ',
        [.. guest.Environment.Select(pair => $"{pair.Key}='{pair.Value}'"),
            .. guest.Command(Path.Combine(Scripts, "guest.sh"), Folder, work).Select(word => $"'{word}'")]);

    /// <summary>Boots a guest, which must do its command and end with 0.</summary>
    internal async Task<GuestEnding> Run(Guest guest, string command)
    {
        string work = await Work(command);
        Ending ending = (await Execution.Run(Under(guest, work), guest.Environment, patience: Patience)).MustEnd();
        return new GuestEnding(ending, await ReadAccount(work));
    }

    internal static string Account(string work) => Path.Combine(work, "account");

    /// <summary>How often each call was served with that result: "IOMMU_IOAS_MAP ok".</summary>
    internal static async Task<IReadOnlyDictionary<string, int>> ReadAccount(string work) =>
        (from line in (await File.ReadAllLinesAsync(Account(work))).Skip(1)
         let words = line.Split("  ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
         where words.Length == 4
         group int.Parse(words[3], CultureInfo.InvariantCulture) by $"{words[1]} {words[2]}")
        .ToDictionary(calls => calls.Key, calls => calls.Sum());
}

/// <summary>How a guest ended, what it said, and what QEMU asked of our nodes for it.</summary>
internal sealed record GuestEnding(Ending Ending, IReadOnlyDictionary<string, int> Account)
{
    internal GuestEnding MustSay(params ReadOnlySpan<string> lines)
    {
        Ending.MustSay(lines);
        return this;
    }

    /// <summary>Fails unless QEMU made each of these calls.</summary>
    internal GuestEnding MustHaveAsked(params ReadOnlySpan<string> calls)
    {
        foreach (string call in calls)
            Assert.True(Account.ContainsKey(call),
                $"expected \"{call}\", came {string.Join(", ", Account.Keys)}\n{Ending}");
        return this;
    }
}
