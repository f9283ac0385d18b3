using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Ioasis.EndToEnd.Web;

/// <summary>Pages see what happens, however many there are and however slowly they read; the program goes on.</summary>
public sealed class PageStreamTests(Workbench bench)
{
    // docs/web.md
    private const int MostStreams = 64;

    [Fact]
    public async Task A_page_sees_what_a_program_does()
    {
        using PageServer page = await PageServer.Start(bench, "asked_maps");
        using PageStream changes = await page.Follow("api/changes");
        using PageStream events = await page.Follow("api/events?kinds=map,unmap");
        JsonNode first = (await changes.Next())!;
        Assert.Equal((0L, 0L), ((long)first["maps"]!, (long)first["counts"]!["map"]!));
        await page.Program.Say("-1\n");
        await page.Program.Hear("done");
        JsonNode change = await changes.Until(c => (long)c["maps"]! == 1);
        Assert.True((bool)change["state"]!);
        Assert.Equal(4096, (long)change["mappedBytes"]!);
        Assert.Equal("map", (string)(await events.Next())!["event"]!);
        JsonNode state = await page.Get("api/state");
        JsonNode ioas = state["contexts"]![0]!["objects"]!.AsArray().Single(o => (string)o!["kind"]! == "ioas")!;
        JsonNode maps = await page.Get($"api/maps?context={state["contexts"]![0]!["context"]}&ioas={ioas["id"]}");
        Assert.Equal(("0x100000000", "rw", 1), ((string)maps["runs"]![0]!["first"]!,
            (string)maps["runs"]![0]!["access"]!, (int)maps["count"]!));
    }

    /// <summary>The connection broke, or the user reloaded: what there is comes at once.</summary>
    [Fact]
    public async Task A_page_that_comes_again_need_not_wait_for_something_to_happen()
    {
        using PageServer page = await PageServer.Start(bench, "asked_maps");
        using PageStream other = await page.Follow("api/changes");
        Assert.NotNull(await other.Next());
        for (int i = 0; i < 20; i++)
        {
            using PageStream changes = await page.Follow("api/changes");
            Assert.Equal("changes", (string)(await changes.Next())!["event"]!);
        }
    }

    [Fact]
    public async Task Of_500_streams_those_beyond_a_number_are_refused_and_the_others_go_on()
    {
        using PageServer page = await PageServer.Start(bench, "asked_maps");
        using HttpClient crowd = page.NewHttp();
        using HttpResponseMessage begun = await page.Http.PostAsync(
            "api/lessons/dma", null, TestContext.Current.CancellationToken);
        JsonNode lesson = JsonNode.Parse(
            await begun.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
        // Every other one is of the program, the rest of a lesson's machine: all share the places.
        string[] paths = ["api/changes", $"api/changes?machine={lesson["machine"]}"];
        PageStream?[] streams = await Task.WhenAll(Enumerable.Range(0, 500).Select(i => Try(paths[i % 2])));
        PageStream[] open = [.. streams.OfType<PageStream>().Where(s => s.Status == HttpStatusCode.OK)];
        PageStream[] ofProgram = [.. open.Where(s => Array.IndexOf(streams, s) % 2 == 0)];
        try
        {
            Assert.Equal(MostStreams, open.Length);
            // null: not even a connection
            HttpStatusCode[] expected = [HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable];
            Assert.All(streams, s => Assert.True(s is null || expected.Contains(s.Status)));
            Assert.Contains(streams, s => s is { Status: HttpStatusCode.ServiceUnavailable });
            Assert.Equal("program", (string)(await page.Get("api/about"))["kind"]!);
            await page.Program.Say("-1\n1000\n");
            await page.Program.Hear("done");
            await page.Program.Hear("done");
            await Task.WhenAll(ofProgram.Select(s => s.Until(c => (long)c["counts"]!["map"]! == 1001)));
        }
        finally
        {
            foreach (PageStream? stream in streams) stream?.Dispose();
        }

        // Those who left make room.
        for (bool isIn = false; !isIn;)
        {
            using PageStream next = await page.Follow("api/changes");
            isIn = next.Status == HttpStatusCode.OK;
        }

        (await page.Program.End()).MustEnd();

        async Task<PageStream?> Try(string path)
        {
            try
            {
                return await page.Follow(path, crowd);
            }
            catch (HttpRequestException)
            {
                return null;
            }
        }
    }

    /// <summary>A supervisor has 16 subscribers, whom pages share among themselves and leave room for others.</summary>
    [Fact]
    public async Task Pages_leave_room_for_other_subscribers()
    {
        using PageServer page = await PageServer.Start(bench, "asked_maps");
        List<PageStream> streams = [];
        try
        {
            string[] kinds = ["map", "unmap", "open", "close", "call", "bind", "unbind", "reset", "irq", "inject"];
            foreach (string kind in kinds)
                for (int i = 0; i < 3; i++) streams.Add(await page.Follow($"api/events?kinds={kind}"));
            Assert.Equal(8 * 3, streams.Count(s => s.Status == HttpStatusCode.OK)); // 8 kinds of stream
            string file = Path.Combine(page.Environment["XDG_RUNTIME_DIR"], "trace");
            using Execution tracer = Execution.Start(
                [bench.Launcher(Who.Self), "trace", "-p", await Pid(page), "-e", "map", "-o", file], page.Environment);
            for (var waited = Stopwatch.StartNew(); !File.Exists(file) || new FileInfo(file).Length == 0;)
            {
                Assert.True(waited.Elapsed < Execution.Patience, "the trace did not begin");
                await page.Program.Say("-1\n");
                await page.Program.Hear("done");
            }

            (await page.Program.End()).MustEnd();
            (await tracer.End()).MustEnd(); // and not: there are 16 subscribers already
        }
        finally
        {
            foreach (PageStream stream in streams) stream.Dispose();
        }
    }

    /// <summary>A page whose reader stands still: its lines are counted, not kept, and others get theirs.</summary>
    [Fact]
    public async Task A_page_that_reads_slowly_loses_lines_and_is_told()
    {
        using PageServer page = await PageServer.Start(bench, "asked_maps");
        using var slow = new TcpClient { ReceiveBufferSize = 4096 };
        await slow.ConnectAsync(IPAddress.Loopback, page.Port, TestContext.Current.CancellationToken);
        NetworkStream stream = slow.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes("GET /api/events?kinds=call,map,unmap HTTP/1.1\r\n"
            + $"Host: 127.0.0.1:{page.Port}\r\nAuthorization: Bearer {page.Token}\r\n\r\n"),
            TestContext.Current.CancellationToken);
        byte[] block = new byte[1024];
        int read = await stream.ReadAsync(block, TestContext.Current.CancellationToken);
        var text = new StringBuilder(Encoding.ASCII.GetString(block, 0, read));
        using PageStream changes = await page.Follow("api/changes");
        long before = Memory(page);
        const int Times = 20_000; // 80,000 lines of 150 to 700 bytes
        await page.Program.Say($"{Times}\n");
        await page.Program.Hear("done");
        await changes.Until(c => (long)c["counts"]!["unmap"]! == Times);
        Assert.InRange(Memory(page) - before, long.MinValue, 200L << 20);
        while (!text.ToString().Contains("\"event\":\"lost\",\"count\":", StringComparison.Ordinal))
        {
            read = await stream.ReadAsync(block, TestContext.Current.CancellationToken);
            Assert.NotEqual(0, read);
            text.Append(Encoding.ASCII.GetString(block, 0, read));
        }
    }

    [Fact]
    public async Task The_end_of_the_program_is_told_and_the_page_stays()
    {
        using PageServer page = await PageServer.Start(bench, "asked_maps");
        using PageStream changes = await page.Follow("api/changes");
        await changes.Next();
        (await page.Program.End()).MustEnd();
        await changes.Until(c => (string)c["event"]! == "end");
        Assert.Null(await changes.Next());
        using HttpResponseMessage gone = await page.Http.GetAsync(
            new Uri("api/state", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Gone, gone.StatusCode);
        using PageStream again = await page.Follow("api/changes");
        Assert.Equal(HttpStatusCode.Gone, again.Status);
        Assert.Equal("program", (string)(await page.Get("api/about"))["kind"]!);
    }

    private static async Task<string> Pid(PageServer page) =>
        (string)(await page.Get("api/state"))["files"]![0]!["process"]!.ToString();

    // Of the page's process, in bytes.
    private static long Memory(PageServer page)
    {
        string status = File.ReadAllText($"/proc/{page.Page.Id}/status");
        string line = status.Split('\n').Single(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], null) << 10;
    }
}
