namespace Ioasis.EndToEnd.Release;

/// <summary>
/// The NuGet packages, made once, and a folder outside the tree whose projects restore from them.
/// </summary>
public sealed class Packages : IAsyncLifetime
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(15);
    private readonly string _folder = Directory.CreateTempSubdirectory("ioasis-packages-").FullName;
    private readonly string _root = FindRoot();

    /// <summary>The version of all packages.</summary>
    internal string Version { get; private set; } = "";

    /// <summary>How the packages' build ended that checked their public API.</summary>
    internal Ending ApiCheck { get; private set; } = null!;

    /// <summary>Where the packages are.</summary>
    internal string Feed => Path.Combine(_folder, "feed");

    /// <summary>A folder below which no file of the tree is found.</summary>
    internal string Consumer => Path.Combine(_folder, "consumer");

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        ApiCheck = await TryPack(Feed, checksApi: true);
        Version = ApiCheck.Code == 0 ? VersionIn(ApiCheck) : await Pack(Feed);
        Directory.CreateDirectory(Consumer);
        string cache = Path.Combine(
            Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        // The packages go into a cache of their own, because another tree can have made the same version.
        await File.WriteAllTextAsync(Path.Combine(Consumer, "nuget.config"), $"""
            <configuration>
              <config><add key="globalPackagesFolder" value="{_folder}/cache" /></config>
              <packageSources><add key="ioasis" value="{Feed}" /></packageSources>
              <fallbackPackageFolders><add key="user" value="{cache}" /></fallbackPackageFolders>
            </configuration>
            """);
        (await Dotnet("new", "install", Path.Combine(Feed, $"Ioasis.Templates.{Version}.nupkg"))).MustEnd();
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    /// <summary>Makes the packages.</summary>
    /// <returns>Their version.</returns>
    internal async Task<string> Pack(string folder) =>
        VersionIn((await TryPack(folder, checksApi: ApiCheck.Code == 0)).MustEnd());

    /// <summary>Packs Ioasis.Client of rooms that are built, and compares it with the packages of the feed.</summary>
    internal Task<Ending> PackClient(string rooms, string folder) => Execution.Run(
        ["dotnet", "pack", Path.Combine(_root, "eng/packages/Pack.csproj"), "--nologo", "-v", "quiet",
            "--artifacts-path", Path.Combine(folder, "work"), "-o", folder, "-p:Package=Ioasis.Client",
            $"-p:NuspecFile={_root}/eng/packages/Ioasis.Client.nuspec", $"-p:PackageVersion={Version}",
            "-p:Commit=0", "-p:RepositoryUrl=https://example.org/ioasis.git", $"-p:Rooms={rooms}",
            $"-p:PackageValidationBaselinePath={Feed}/Ioasis.Client.{Version}.nupkg"], patience: s_patience);

    private Task<Ending> TryPack(string folder, bool checksApi) => Execution.Run(
        [Path.Combine(_root, "eng/pack.sh"), folder],
        new Dictionary<string, string> { ["CHECK_API"] = checksApi ? "1" : "" }, patience: s_patience);

    private static string VersionIn(Ending made) => made.Output.Trim().Split('\n')[^1];

    /// <summary>Makes a project from a template.</summary>
    /// <returns>Its folder.</returns>
    internal async Task<string> New(string template, string name)
    {
        string folder = Path.Combine(Consumer, name + Guid.NewGuid().ToString("N")[..8]);
        (await Dotnet("new", template, "-n", name, "-o", folder)).MustEnd();
        return folder;
    }

    /// <summary>Runs dotnet, with templates of its own.</summary>
    internal Task<Ending> Dotnet(params ReadOnlySpan<string> words)
    {
        Dictionary<string, string> environment = new()
        {
            ["DOTNET_CLI_HOME"] = Path.Combine(_folder, "home"),
            ["NUGET_PACKAGES"] = Path.Combine(_folder, "cache"),
            ["DOTNET_NOLOGO"] = "1",
            ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
        };
        return Execution.Run(["dotnet", .. words], environment, patience: s_patience);
    }

    private static string FindRoot()
    {
        for (string? at = AppContext.BaseDirectory; at is not null; at = Path.GetDirectoryName(at))
            if (File.Exists(Path.Combine(at, "Ioasis.slnx"))) return at;
        throw new InvalidOperationException("The tests do not run within the project's folder.");
    }
}
