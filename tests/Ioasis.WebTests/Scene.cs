using Microsoft.Playwright;

namespace Ioasis.WebTests;

/// <summary>A program under <c>ioasis run</c>, the server of its page, and the pages that are open.</summary>
internal sealed class Scene : IAsyncDisposable
{
    internal const string Edu = "0000:06:00.0", Plain = "0000:07:00.0", Nesting = "0000:07:01.0",
        Parts = "0000:08:00.0";

    private readonly IBrowser _browser;
    private readonly Execution? _program;
    private readonly Execution _server;
    private readonly List<IBrowserContext> _contexts = [];
    private readonly List<string> _complaints = [];

    private Scene(IBrowser browser, Execution? program, Execution server, Uri url, string process = "") =>
        (_browser, _program, _server, Url, Process) = (browser, program, server, url, process);

    /// <summary>The client programs that pages are shown of.</summary>
    internal static string[] Clients { get; } = ["web_scene", "watched"];

    /// <summary>Devices of several kinds, with a driver and without.</summary>
    internal static string[] Machine { get; } =
    [
        "--device", $"edu@{Edu}", "--device", $"dmatest@{Plain}", "--device", $"dmatest@{Nesting}",
        "--device", $"dmatest@{Parts},mdevs=1", "--mdev", $"dmatest-1ch@{Parts}",
        "--device", "virtio-net@n0,vdpa",
    ];

    /// <summary>The client that makes something of each kind; see <see cref="Step"/>.</summary>
    internal static string[] Program { get; } = ["web_scene", Plain, Nesting];

    /// <summary>Where the page is, with its secret.</summary>
    internal Uri Url { get; }

    /// <summary>The program's process ID, which is another in each run.</summary>
    internal string Process { get; }

    internal static async Task<Scene> Start(WebBench bench, IEnumerable<string> machine, IEnumerable<string> program)
    {
        string[] words = [.. program];
        // programs are found by the folder: each scene is alone in its own
        string runtime = Directory.CreateDirectory(Path.Combine(bench.Folder, Guid.NewGuid().ToString("N"))).FullName;
        File.SetUnixFileMode(runtime, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var alone = new Dictionary<string, string> { ["XDG_RUNTIME_DIR"] = runtime };
        Execution running = Execution.Start(
            [Path.Combine(bench.Root, "ioasis"), "run", .. machine, "--", Path.Combine(bench.Folder, words[0]),
                .. words[1..]], alone);
        Execution? server = null;
        try
        {
            string ready = await running.HearLine();
            Assert.StartsWith("ready ", ready, StringComparison.Ordinal);
            string page = Path.Combine(bench.Root, "artifacts/bin/Ioasis.Web/release/ioasis-web.dll");
            server = Execution.Start(["dotnet", page, "program", ready["ready ".Length..], "0"], alone);
            string url = await server.HearLine();
            Assert.StartsWith("ioasis: http://127.0.0.1:", url, StringComparison.Ordinal);
            return new Scene(bench.Browser, running, server, new Uri(url["ioasis: ".Length..]),
                ready["ready ".Length..]);
        }
        catch
        {
            server?.Dispose();
            running.Dispose();
            throw;
        }
    }

    /// <summary>Starts the server of a page that shows no program.</summary>
    /// <param name="bench">The browser.</param>
    /// <param name="words">What it shows: <c>lessons</c>, or <c>recording</c> and a file.</param>
    internal static async Task<Scene> Show(WebBench bench, params string[] words)
    {
        Execution server = Execution.Start(["dotnet",
            Path.Combine(bench.Root, "artifacts/bin/Ioasis.Web/release/ioasis-web.dll"), .. words, "0"]);
        try
        {
            string url = await server.HearLine();
            Assert.StartsWith("ioasis: http://127.0.0.1:", url, StringComparison.Ordinal);
            return new Scene(bench.Browser, null, server, new Uri(url["ioasis: ".Length..]));
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    /// <summary>Opens the page.</summary>
    /// <param name="place">The screen and its parameters, as in <c>walk?device=0000:07:00.0</c>.</param>
    /// <param name="scheme">Light or dark.</param>
    /// <param name="width">The window's width in CSS pixels.</param>
    internal async Task<IPage> Open(string place, ColorScheme scheme = ColorScheme.Dark, int width = 1280)
    {
        IBrowserContext context = await _browser.NewContextAsync(new BrowserNewContextOptions
        {
            ColorScheme = scheme,
            ViewportSize = new ViewportSize { Width = width, Height = 800 },
            ReducedMotion = ReducedMotion.Reduce,
            Locale = "en-GB",
            TimezoneId = "UTC",
        });
        _contexts.Add(context);
        IPage page = await context.NewPageAsync();
        page.Console += (_, message) =>
            Complain(message.Type is "error" or "warning", $"{message.Type}: {message.Text} ({message.Location})");
        page.PageError += (_, error) => Complain(true, error);
        await page.GotoAsync($"{Url}#/{place}");
        await page.Locator("main h2").First.WaitForAsync();
        return page;
    }

    /// <summary>Lets the client do one of its steps (tests/Clients/web_scene.c), and waits until it is done.</summary>
    internal async Task Step(string name)
    {
        await _program!.Say($"{name}\n");
        await _program!.Hear($"done {name}");
    }

    /// <summary>Ends the program, as it wants to end.</summary>
    internal async Task EndProgram() => (await _program!.End()).MustEnd();

    /// <summary>Nothing of what the pages wrote on their consoles, or threw, was an error.</summary>
    internal void MustBeContent()
    {
        lock (_complaints) Assert.True(_complaints.Count == 0, string.Join('\n', _complaints));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (IBrowserContext context in _contexts) await context.DisposeAsync();
        _server.Dispose();
        _program?.Dispose();
    }

    private void Complain(bool isComplaint, string text)
    {
        if (!isComplaint) return;
        lock (_complaints) _complaints.Add(text);
    }
}
