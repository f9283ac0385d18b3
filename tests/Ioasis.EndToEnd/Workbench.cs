using System.Reflection;
using System.Runtime.Versioning;

[assembly: SupportedOSPlatform("linux")]
[assembly: AssemblyFixture(typeof(Ioasis.EndToEnd.Workbench))]

namespace Ioasis.EndToEnd;

/// <summary>
/// What the tests need, built once: the client programs, Linux's selftests, and a copy of the tree as it is run, all
/// where any user can read it. A tool that is missing is a failure, never a reason to skip.
/// </summary>
public sealed class Workbench : IAsyncLifetime
{
    private const string Everybody = "setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all";

    /// <summary>The source tree.</summary>
    public string Root { get; } = FindRoot();

    /// <summary>The folder of this run, readable by all.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("ioasis-end-to-end-").FullName;

    internal string Clients => Path.Combine(Folder, "clients");
    internal string Selftests => Path.Combine(Folder, "selftests");

    /// <summary>A tree that has been built and that its user cannot write to.</summary>
    internal string Tree => Path.Combine(Folder, "tree");

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        foreach (string tool in (string[])["bash", "gcc", "make", "setpriv", "script", "setsid", "mkfifo", "timeout"])
            (await Execution.Run(["sh", "-c", $"command -v {tool}"])).MustEnd();

        string headers = (await Execution.Run([Path.Combine(Root, "eng/uapi-headers.sh")],
                patience: TimeSpan.FromMinutes(10))).MustEnd().Output.Trim();
        string sources = typeof(Workbench)
            .Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(pair => pair.Key == "Clients").Value!;
        (await Execution.Run(["make", "-s", "-C", sources, $"OUT={Clients}", $"UAPI={headers}"])).MustEnd();

        string selftests = Path.Combine(Root, "artifacts/selftests");
        (await Execution.Run([Path.Combine(Root, "eng/kernel-selftests.sh"), selftests],
                patience: TimeSpan.FromMinutes(20))).MustEnd();
        Directory.CreateDirectory(Selftests);
        foreach (string test in Directory.EnumerateFiles(selftests, "*_test")
            .Append(Path.Combine(selftests, "iommufd")))
            File.Copy(test, Path.Combine(Selftests, Path.GetFileName(test)));

        (await Execution.Run([Path.Combine(Root, "ioasis"), "--help"])).MustEnd(); // builds it where it is not
        string built = "artifacts/bin/Ioasis.Cli/release";
        Directory.CreateDirectory(Path.Combine(Tree, built));
        Directory.CreateDirectory(Path.Combine(Tree, "src"));
        File.Copy(Path.Combine(Root, "ioasis"), Path.Combine(Tree, "ioasis"));
        (await Execution.Run(["cp", "-r", Path.Combine(Root, built, "."), Path.Combine(Tree, built)])).MustEnd();
        await File.WriteAllTextAsync(Path.Combine(Tree, "artifacts/built"), "");
        // A source that is newer than what was built: who cannot write here, and so cannot build, takes what there is.
        string newer = Path.Combine(Tree, "src/Newer.cs");
        await File.WriteAllTextAsync(newer, "");
        File.SetLastWriteTimeUtc(newer, DateTime.UtcNow.AddHours(1));
        (await Execution.Run(["chmod", "-R", "a+rX,go-w", Folder])).MustEnd();
        (await Execution.Run(["chmod", "-R", "a-w", Tree])).MustEnd();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Execution.Run(["chmod", "-R", "u+w", Folder]);
        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>A folder of a test's own in which whoever <paramref name="who"/> is may write.</summary>
    internal async Task<string> Scratch(Who who)
    {
        string folder = Directory.CreateDirectory(Path.Combine(Folder, Guid.NewGuid().ToString("N"))).FullName;
        if (who == Who.Nobody)
            (await Execution.Run(["chmod", "777", folder])).MustEnd();
        return folder;
    }

    /// <summary>The words that run <paramref name="program"/> under ioasis, on a machine with these devices.</summary>
    internal string[] UnderIoasis(Who who, IEnumerable<string> devices, params IEnumerable<string> program) =>
        [.. As(who), .. devices.SelectMany(device => new[] { "--device", device })
            .Prepend("run").Prepend(Launcher(who)), "--", .. program];

    internal string Launcher(Who who) => Path.Combine(who == Who.Self ? Root : Tree, "ioasis");

    /// <summary>
    /// In front of a command: who runs it. Where the tests' own user has no privileges there is nothing to give up.
    /// </summary>
    internal static IEnumerable<string> As(Who who) =>
        who == Who.Nobody && Environment.IsPrivilegedProcess ? Everybody.Split(' ') : [];

    internal string Client(string name) => Path.Combine(Clients, name);

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Ioasis.slnx")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException(
            $"{AppContext.BaseDirectory} is in no source tree of Ioasis");
    }
}

/// <summary>As whom a program is run: whoever runs the tests, or a user without a single capability.</summary>
public enum Who
{
    /// <summary>Whoever runs the tests.</summary>
    Self,

    /// <summary>A user without any capability, who owns nothing.</summary>
    Nobody,
}

/// <summary>The devices that the tests put into the machine.</summary>
internal static class Machine
{
    public const string Edu = "0000:06:00.0";
    public const string OtherEdu = "0000:06:01.0";
    public const string DmaTest = "0000:07:00.0";
    public const string OtherDmaTest = "0000:07:01.0";

    /// <summary>
    /// A dmatest that can have virtual functions; alone, as not every machine has attributes that can be written.
    /// </summary>
    public const string Sriov = "0000:08:00.0";

    public static string[] SriovDevices { get; } = [$"dmatest@{Sriov},virtualFunctions=4"];

    public static string[] Devices { get; } =
        [$"edu@{Edu}", $"edu@{OtherEdu}", $"dmatest@{DmaTest}", $"dmatest@{OtherDmaTest}"];
}
