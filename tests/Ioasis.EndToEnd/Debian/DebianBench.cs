using Ioasis.EndToEnd.Guests;

namespace Ioasis.EndToEnd.Debian;

/// <summary>The tests of what Debian has packaged, one after the other.</summary>
[CollectionDefinition(nameof(DebianBench))]
public sealed class DebianCollection : ICollectionFixture<DebianBench>;

/// <summary>
/// Trees of Debian with programs that know VFIO and sysfs: bookworm's in artifacts/debian or IOASIS_DEBIAN, trixie's in
/// the folder of the guests.
/// </summary>
public sealed class DebianBench(Workbench bench) : IAsyncLifetime
{
    private static readonly TimeSpan s_download = TimeSpan.FromMinutes(30);

    private string? _missing;

    private static readonly Dictionary<string, string> s_roots = [];

    private string Scripts => Path.Combine(bench.Root, "eng/debian");

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        string folder = Environment.GetEnvironmentVariable("IOASIS_DEBIAN")
            ?? Path.Combine(bench.Root, "artifacts/debian");
        string guests = GuestBench.FolderOf(bench);
        s_roots["bookworm"] = Path.Combine(folder, "bookworm");
        s_roots["trixie"] = Path.Combine(guests, "root");
        string[][] steps =
        [
            [Path.Combine(Scripts, "tree.sh"), "bookworm", s_roots["bookworm"]],
            [Path.Combine(Scripts, "clients.sh"), s_roots["bookworm"]],
            [Path.Combine(Scripts, "headers.sh"), s_roots["bookworm"]],
            [Path.Combine(bench.Root, "eng/qemu/chroot.sh"), guests],
            [Path.Combine(Scripts, "clients.sh"), s_roots["trixie"]],
        ];
        foreach (string[] step in steps)
        {
            Ending ending = await Execution.Run(step, patience: s_download);
            if (ending.Code != 0 && !Environment.IsPrivilegedProcess)
            {
                _missing = $"these take trees of Debian, which only root can make: {ending.Command} said {ending}";
                return;
            }

            ending.MustEnd();
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => default;

    /// <summary>Runs a program of a tree under ioasis.</summary>
    internal async Task<Ending> Run(
        string suite, string device, string program, string[] arguments, string? input = null)
    {
        using Execution execution = Start(suite, [device], program, arguments);
        if (input is not null) await execution.Say(input);
        return await execution.End();
    }

    /// <summary>Starts a program of a tree under ioasis.</summary>
    internal Execution Start(string suite, string[] devices, string program, string[] arguments)
    {
        MustBeThere();
        Dictionary<string, string> environment = new() { ["PYTHONHOME"] = Path.Combine(s_roots[suite], "usr") };
        return Execution.Start(bench.UnderIoasis(Who.Self, devices, Words(suite, program, arguments)), environment);
    }

    /// <summary>The words that run a program of a tree.</summary>
    internal string[] Words(string suite, string program, params string[] arguments) =>
        [Path.Combine(Scripts, "run.sh"), s_roots[suite], program, .. arguments];

    /// <summary>A file of a tree.</summary>
    internal static string FileOf(string suite, string path) => Path.Combine(s_roots[suite], path);

    /// <summary>
    /// Runs a script under ioasis, in which <paramref name="program"/> is the program of a tree. What it writes to /etc
    /// and /usr/lib is gone afterwards.
    /// </summary>
    internal async Task<Ending> RunScript(string suite, string device, string program, string script)
    {
        MustBeThere();
        string scratch = await bench.Scratch(Who.Self);
        string start = $$"""
            set -e
            mount --make-rprivate /
            mount -t tmpfs none '{{scratch}}'
            for directory in etc usr/lib; do
                mkdir -p '{{scratch}}'/$directory/new '{{scratch}}'/$directory/work
                mount -t overlay -o lowerdir=/$directory,upperdir='{{scratch}}'/$directory/new \
                    -o workdir='{{scratch}}'/$directory/work none /$directory
            done
            exec "$@"
            """;
        string function = $"{program}() {{ '{Scripts}/run.sh' '{s_roots[suite]}' {program} \"$@\"; }}\n";
        return await Execution.Run(
            ["unshare", "--mount", "sh", "-c", start, "sh",
                .. bench.UnderIoasis(Who.Self, [device], "sh", "-c", function + script)]);
    }

    internal void MustBeThere()
    {
        if (_missing is not null && Environment.GetEnvironmentVariable("IOASIS_ALL") is not null) Assert.Fail(_missing);
        if (_missing is not null) Assert.Skip(_missing);
    }

    /// <summary>
    /// The options by which DPDK loads drivers of a tree. They are found among its libraries, by their names.
    /// </summary>
    internal static string[] Drivers(string suite, params string[] names)
    {
        string dpdk = Path.Combine(s_roots[suite], "usr/lib/x86_64-linux-gnu/dpdk");
        string version = Path.GetFileName(
            Directory.GetDirectories(dpdk, "pmds-*").Single())["pmds-".Length..^".0".Length];
        return [.. names.SelectMany(name => new[] { "-d", $"librte_{name}.so.{version}" })];
    }
}
