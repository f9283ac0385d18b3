using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Ioasis.EndToEnd.Web;

/// <summary>How a page is started and ended, and that a program does not notice it.</summary>
public sealed class PageStartTests(Workbench bench)
{
    private const int CannotServe = 1, UsageError = 2, NoProgram = 3; // docs/commands.md
    private const string Begin = "ioasis: http://127.0.0.1:";

    [Fact]
    public async Task A_run_with_a_page_says_where_it_is_and_ends_with_it()
    {
        string error = Path.Combine(await bench.Scratch(Who.Self), "error");
        using Execution program = Start("--web", error, $"{bench.Client("asked_maps")}");
        await program.Hear("ready");
        Uri url = await UrlIn(error);
        using HttpClient http = Client(url);
        JsonNode state = JsonNode.Parse(
            await http.GetStringAsync(new Uri("api/state", UriKind.Relative), TestContext.Current.CancellationToken))!;
        Assert.Single(state["files"]!.AsArray());
        using var changes = new PageStream(await http.GetAsync(
            new Uri("api/changes", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead,
            TestContext.Current.CancellationToken));
        await changes.Next();
        (await program.End()).MustEnd();
        await changes.Until(c => (string)c["event"]! == "end");
        await Assert.ThrowsAsync<HttpRequestException>(
            () => http.GetAsync(new Uri("", UriKind.Relative), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_program_inherits_nothing_of_its_page()
    {
        string error = Path.Combine(await bench.Scratch(Who.Self), "error");
        const string Script = "ls -l /proc/self/fd; cat /proc/self/environ | tr '\\0' '\\n' | grep -c IOASIS; "
            + "ps -o ppid= -p $$; echo ready; cat";
        string other = Path.Combine(await bench.Scratch(Who.Self), "error");
        using Execution without = Start(null, other, "bash", "-c", Script);
        using Execution with = Start("--web", error, "bash", "-c", Script);
        await UrlIn(error);
        await without.Hear("ready");
        await with.Hear("ready");
        int page = PageOf(with.Id);
        Assert.NotEqual(0, page);
        Assert.Equal(SeccompOf("self"), SeccompOf($"{page}")); // no filter but those of the tests themselves
        string[] plain = Kinds((await without.End()).MustEnd().Output);
        string shown = (await with.End()).MustEnd().Output;
        Assert.Equal(plain, Kinds(shown.Replace(error, other, StringComparison.Ordinal)));
        Assert.False(Directory.Exists($"/proc/{page}"));

        // What is open, by number and kind, without the numbers of pipes.
        static string[] Kinds(string output) =>
            [.. output.Split('\n').Where(l => l.Contains("->", StringComparison.Ordinal))
                .Select(l => l[(l.IndexOf(" -> ", StringComparison.Ordinal) - 2)..].Split('[', ':')[0])
                .Where(l => !l.Contains("/proc/", StringComparison.Ordinal))];
    }

    [Fact]
    public async Task A_page_that_is_killed_harms_nobody_and_leaves_nothing()
    {
        string error = Path.Combine(await bench.Scratch(Who.Self), "error");
        using Execution program = Start("--web", error, bench.Client("asked_maps"));
        await program.Hear("ready");
        await UrlIn(error);
        int page = PageOf(program.Id);
        using (var killed = Process.GetProcessById(page)) killed.Kill();
        for (var waited = Stopwatch.StartNew(); Directory.Exists($"/proc/{page}");)
            Assert.True(waited.Elapsed < Execution.Patience, "a zombie is left");
        await program.Say("1000\n");
        await program.Hear("done");
        (await program.End()).MustEnd();
    }

    [Fact]
    public async Task A_supervisor_that_is_killed_takes_its_page_with_it()
    {
        string error = Path.Combine(await bench.Scratch(Who.Self), "error");
        using Execution program = Start("--web", error, bench.Client("asked_maps"));
        await program.Hear("ready");
        await UrlIn(error);
        int page = PageOf(program.Id);
        using (var supervisor = Process.GetProcessById(program.Id)) supervisor.Kill();
        for (var waited = Stopwatch.StartNew(); Directory.Exists($"/proc/{page}");)
            Assert.True(waited.Elapsed < Execution.Patience, "the page lives on");
    }

    [Fact]
    public async Task A_program_that_ends_at_once_has_its_own_exit_code()
    {
        string error = Path.Combine(await bench.Scratch(Who.Self), "error");
        for (int i = 0; i < 3; i++) (await Start("--web", error, "bash", "-c", "exit 7").End()).MustEnd(7);
    }

    [Fact]
    public async Task A_page_that_cannot_be_served_does_not_keep_the_program_from_running()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        string error = Path.Combine(await bench.Scratch(Who.Self), "error");
        using Execution program = Start($"--web={port}", error, bench.Client("asked_maps"));
        await program.Hear("ready");
        string said = "";
        for (var waited = Stopwatch.StartNew(); !said.EndsWith(".\n", StringComparison.Ordinal);
            said = await File.ReadAllTextAsync(error, TestContext.Current.CancellationToken))
            Assert.True(waited.Elapsed < Execution.Patience, said);
        Assert.Equal($"ioasis: port {port} is in use, or may not be used.\n", said);
        await program.Say("10\n");
        await program.Hear("done");
        (await program.End()).MustEnd();
    }

    [Fact]
    public async Task A_page_of_nothing_says_why()
    {
        string alone = await bench.Scratch(Who.Self);
        Assert.Equal("ioasis: no program with ID 1 is running under ioasis run.\n",
            (await Web(alone, "1")).MustEnd(NoProgram).Error);
        Assert.Contains("there is no file \"/no/such\"; expected a process ID or a recording",
            (await Web(alone, "/no/such")).MustEnd(UsageError).Error, StringComparison.Ordinal);
        Assert.Contains("--port takes a port from 1 to 65535, not 70000",
            (await Web(alone, "--port", "70000")).MustEnd(UsageError).Error, StringComparison.Ordinal);
        using PageServer page = await PageServer.Start(bench, "asked_maps");
        Ending second = await Execution.Run(
            [bench.Launcher(Who.Self), "web", "--port", $"{page.Port}"], page.Environment);
        Assert.Equal($"ioasis: port {page.Port} is in use, or may not be used.\n", second.MustEnd(CannotServe).Error);
    }

    /// <summary>Ctrl-C ends it, streams or not.</summary>
    [Fact]
    public async Task A_page_ends_by_a_signal()
    {
        using PageServer page = await PageServer.Start(bench, "asked_maps");
        using PageStream changes = await page.Follow("api/changes");
        await changes.Next();
        (await Execution.Run(["kill", "-INT", $"{page.Page.Id}"])).MustEnd();
        (await page.Page.End()).MustEnd();
        (await page.Program.End()).MustEnd();
    }

    private Task<Ending> Web(string alone, params string[] words) => Execution.Run(
        [bench.Launcher(Who.Self), "web", .. words], new Dictionary<string, string> { ["XDG_RUNTIME_DIR"] = alone });

    // Its standard error goes to a file, which is read while it runs. The process is the supervisor itself.
    private Execution Start(string? web, string error, params string[] program) => Execution.Start(
        ["bash", "-c", $"exec 2>'{error}'; exec \"$@\"", "bash", bench.Launcher(Who.Self), "run",
            .. web is null ? (string[])[] : [web], "--", .. program],
        new Dictionary<string, string> { ["XDG_RUNTIME_DIR"] = Path.GetDirectoryName(error)! });

    private static async Task<Uri> UrlIn(string file)
    {
        for (var waited = Stopwatch.StartNew(); waited.Elapsed < Execution.Patience; await Task.Yield())
        {
            string[] lines = File.Exists(file) ? (await File.ReadAllTextAsync(file)).Split('\n') : [];
            string? line = lines.SkipLast(1).FirstOrDefault(l => l.StartsWith(Begin, StringComparison.Ordinal));
            if (line is not null) return new Uri(line["ioasis: ".Length..]);
        }

        throw new TimeoutException("no URL was told");
    }

    private static HttpClient Client(Uri url)
    {
        var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(url, "/") };
        http.DefaultRequestHeaders.Authorization = new("Bearer", url.Query["?t=".Length..]);
        return http;
    }

    private static string[] SeccompOf(string process) =>
        [.. File.ReadLines($"/proc/{process}/status").Where(l => l.StartsWith("Seccomp", StringComparison.Ordinal))];

    private static int PageOf(int supervisor)
    {
        foreach (string process in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(process), out int pid)) continue;
            try
            {
                string stat = File.ReadAllText($"{process}/stat");
                if (stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1] == $"{supervisor}"
                    && File.ReadAllText($"{process}/cmdline").Contains("ioasis-web", StringComparison.Ordinal))
                    return pid;
            }
            catch (IOException)
            {
                // It has ended.
            }
        }

        return 0;
    }
}
