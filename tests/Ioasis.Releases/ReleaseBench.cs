namespace Ioasis.Releases;

/// <summary>The tests of what is released, one after the other.</summary>
[CollectionDefinition(nameof(ReleaseBench))]
public sealed class ReleaseCollection : ICollectionFixture<ReleaseBench>;

/// <summary>A release of this source tree, and a Debian without .NET and without Git to install it in.</summary>
public sealed class ReleaseBench : IAsyncLifetime
{
    private static readonly TimeSpan s_build = TimeSpan.FromMinutes(20);

    private readonly string _scratch = Directory.CreateTempSubdirectory("ioasis-releases-").FullName;

    /// <summary>The source tree.</summary>
    public string Root { get; } = FindRoot();

    /// <summary>The folder that is released; IOASIS_RELEASE names one that is ready.</summary>
    public string Folder { get; } =
        Environment.GetEnvironmentVariable("IOASIS_RELEASE") ?? Path.Combine(FindRoot(), "artifacts/release");

    /// <summary>The one file.</summary>
    public string Program => Path.Combine(Folder, "ioasis");

    /// <summary>The smallest Debian 12 that apt works in.</summary>
    private string Debian { get; } = Path.Combine(
        Environment.GetEnvironmentVariable("IOASIS_DEBIAN") ?? Path.Combine(FindRoot(), "artifacts/debian"),
        "clean-bookworm");

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("IOASIS_RELEASE") is null)
            (await Execution.Run([Path.Combine(Root, "eng/release.sh")], patience: s_build)).MustEnd();
        (await Execution.Run([Path.Combine(Root, "eng/debian/tree.sh"), "bookworm", Debian], patience: s_build))
            .MustEnd();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await Execution.Run(["rm", "-rf", _scratch]);

    /// <summary>A folder of a test's own.</summary>
    internal string Scratch() =>
        Directory.CreateDirectory(Path.Combine(_scratch, Guid.NewGuid().ToString("N"))).FullName;

    /// <summary>The only file of the release whose name matches.</summary>
    internal string FileOf(string pattern) => Directory.GetFiles(Folder, pattern).Single();

    /// <summary>Makes another release of the same commit, in another folder, out of the same packages.</summary>
    internal async Task<string> ReleaseElsewhere()
    {
        string tree = Scratch();
        const string Copy = """
            set -e
            cd "$1"
            tar -c --exclude ./artifacts --exclude ./.git . | tar -x -C "$2"
            echo "gitdir: $(git rev-parse --absolute-git-dir)" >"$2/.git"
            "$2/eng/release.sh"
            """;
        Dictionary<string, string> environment = new()
        {
            ["IOASIS_RELEASE_DOWNLOADS"] = Path.Combine(Root, "artifacts/release-downloads"),
        };
        (await Execution.Run(["bash", "-c", Copy, "copy", Root, tree], environment, patience: s_build)).MustEnd();
        return Path.Combine(tree, "artifacts/release");
    }

    /// <summary>
    /// Runs a script within the Debian, as it would on a new machine: with no environment, with the release in
    /// /release. What the script changes is gone afterwards.
    /// </summary>
    internal async Task<Ending> InDebian(string script)
    {
        string scratch = Scratch();
        const string Enter = """
            set -e
            mount --make-rprivate /
            mount -t tmpfs none "$1"
            mkdir "$1/new" "$1/work" "$1/root"
            mount -t overlay -o "lowerdir=$2,upperdir=$1/new,workdir=$1/work" none "$1/root"
            mkdir "$1/root/release"
            mount --bind "$3" "$1/root/release"
            mount -t proc none "$1/root/proc"
            mount --bind /dev "$1/root/dev"
            exec env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root chroot "$1/root" sh -ec "$4"
            """;
        return await Execution.Run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", Enter, "enter",
            scratch, Debian, Folder, script]);
    }

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Ioasis.slnx"))) folder = folder.Parent;
        return folder?.FullName
            ?? throw new InvalidOperationException($"{AppContext.BaseDirectory} is in no source tree of Ioasis");
    }
}
