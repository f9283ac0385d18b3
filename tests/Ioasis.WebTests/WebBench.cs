using System.Runtime.Versioning;
using Microsoft.Playwright;

[assembly: SupportedOSPlatform("linux")]
[assembly: AssemblyFixture(typeof(Ioasis.WebTests.WebBench))]

namespace Ioasis.WebTests;

/// <summary>
/// What the tests of the page need, made once: Debian's Chromium and the client programs. The product is what was
/// built; the suite builds it first. What is missing is a failure, never a reason to skip.
/// </summary>
public sealed class WebBench : IAsyncLifetime
{
    private const string Chromium = "/usr/bin/chromium";

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    /// <summary>The source tree.</summary>
    public string Root { get; } = FindRoot();

    internal string Folder { get; } = Directory.CreateTempSubdirectory("ioasis-web-").FullName;

    internal IBrowser Browser => _browser ?? throw new InvalidOperationException("no browser was started");

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        string headers = (await Execution.Run([Path.Combine(Root, "eng/uapi-headers.sh")],
            patience: TimeSpan.FromMinutes(10))).MustEnd().Output.Trim();
        foreach (string client in Scene.Clients)
            (await Execution.Run(["make", "-s", "-C", Path.Combine(Root, "tests/Clients"), $"OUT={Folder}",
                $"UAPI={headers}", Path.Combine(Folder, client)])).MustEnd();
        Assertions.SetDefaultExpectTimeout(60_000); // milliseconds; a machine may be busy with much else
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Chromium,
            // as root it has no sandbox; the font hinting of the machine must not change screenshots
            Args = ["--no-sandbox", "--font-render-hinting=none", "--disable-lcd-text", "--force-color-profile=srgb"],
        });
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_browser is not null) await _browser.DisposeAsync();
        _playwright?.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>Starts a program under run, and the server of its page.</summary>
    /// <param name="machine">The words for the machine; null for <see cref="Scene.Machine"/>.</param>
    /// <param name="program">The client and its arguments; null for <see cref="Scene.Program"/>.</param>
    internal Task<Scene> Start(IEnumerable<string>? machine = null, IEnumerable<string>? program = null) =>
        Scene.Start(this, machine ?? Scene.Machine, program ?? Scene.Program);

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Ioasis.slnx")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException(
            $"{AppContext.BaseDirectory} is in no source tree of Ioasis");
    }
}
