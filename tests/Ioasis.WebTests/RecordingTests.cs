using System.Globalization;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace Ioasis.WebTests;

/// <summary>A recording by keys: the slider, steps and play; a damaged one is refused before there is a page.</summary>
public sealed class RecordingTests(WebBench bench)
{
    [Fact]
    public async Task Keys_move_in_a_recording_and_play_goes_to_its_end()
    {
        string path = await Recorded();
        int lines = File.ReadLines(path).Count() - 1;
        await using Scene scene = await Scene.Show(bench, "recording", path);
        IPage page = await scene.Open("timeline");
        ILocator slider = page.GetByRole(AriaRole.Slider, new() { Name = "Line of the recording" });
        await Assertions.Expect(slider).ToHaveCountAsync(1);
        await slider.FocusAsync();
        for (int i = 0; i < 5; i++) await page.Keyboard.PressAsync("ArrowRight");
        await Assertions.Expect(slider).ToHaveValueAsync("5");
        await MustBeAt(page, 5);
        await page.Keyboard.PressAsync("ArrowLeft");
        await MustBeAt(page, 4);
        await page.GetByRole(AriaRole.Button, new() { Name = "Play" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await MustBeAt(page, lines);
        await slider.FocusAsync();
        await page.Keyboard.PressAsync("Home");
        await MustBeAt(page, 0);
        await Assertions.Expect(page.Locator(".refusal")).ToHaveCountAsync(0);
        scene.MustBeContent();
    }

    [Fact]
    public async Task No_key_is_lost_that_comes_while_an_answer_is_drawn()
    {
        await using Scene scene = await Scene.Show(bench, "recording", await Recorded());
        IPage page = await scene.Open("timeline");
        ILocator slider = page.GetByRole(AriaRole.Slider, new() { Name = "Line of the recording" });
        TaskCompletionSource held = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await page.RouteAsync("**/api/position?at=2*", async move =>
        {
            await held.Task;
            await move.ContinueAsync();
        });
        await slider.FocusAsync();
        Task<string> second = page.EvaluateAsync<string>("""
            () => new Promise((resolve) => {
              const frame = document.querySelector(".playback");
              const slider = frame.querySelector("input");
              new MutationObserver((_, observer) => {
                observer.disconnect();
                slider.stepUp();
                slider.dispatchEvent(new Event("input", { bubbles: true }));
                // effects run after the next frame
                requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(slider.value), 0)));
              }).observe(frame, { attributeFilter: ["data-at"] });
            })
            """);
        await page.Keyboard.PressAsync("ArrowRight");
        Assert.Equal("2", await second);
        await page.Keyboard.PressAsync("ArrowRight");
        held.SetResult();
        await MustBeAt(page, 3);
        await Assertions.Expect(slider).ToHaveValueAsync("3");
        scene.MustBeContent();
    }

    [Fact]
    public async Task A_difference_is_shown_and_nothing_of_it_is_cut()
    {
        string path = await Recorded();
        string text = await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
        const string Out = ",\"out\":{\"out_ioas_id\"";
        string changed = text.Replace("\"result\":0" + Out, "\"errno\":\"EPERM\"" + Out, StringComparison.Ordinal);
        Assert.NotEqual(text, changed);
        await File.WriteAllTextAsync(path, changed, TestContext.Current.CancellationToken);
        await using Scene scene = await Scene.Show(bench, "recording", path);
        foreach (ColorScheme scheme in (ColorScheme[])[ColorScheme.Light, ColorScheme.Dark])
            foreach (int width in (int[])[360, 1280])
            {
                IPage page = await scene.Open("timeline", scheme, width);
                await page.GetByRole(AriaRole.Slider, new() { Name = "Line of the recording" }).FocusAsync();
                await page.Keyboard.PressAsync("End");
                await Assertions.Expect(page.GetByText("this machine is not the recorded one")).ToContainTextAsync(
                    "IOMMU_IOAS_ALLOC");
                Assert.Equal(width, await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth"));
                AxeResult result = await page.RunAxe();
                Assert.True(result.Violations.Length == 0, string.Join("\n",
                    result.Violations.Select(v => $"{v.Id}: {string.Join(", ", v.Nodes.Select(n => n.Html))}")));
                await page.CloseAsync();
            }

        scene.MustBeContent();
    }

    [Fact]
    public async Task A_damaged_recording_is_a_sentence_and_an_exit_code()
    {
        string path = Path.Combine(bench.Folder, "damaged.ioasis");
        await File.WriteAllTextAsync(
            path, "{\"recording\":1,\"machine\"", TestContext.Current.CancellationToken);
        string server = Path.Combine(bench.Root, "artifacts/bin/Ioasis.Web/release/ioasis-web.dll");
        Ending ending = await Execution.Run(["dotnet", server, "recording", path, "0"]);
        ending.MustEnd(2);
        Assert.Contains($"{path} cannot be shown: Line 1 is no JSON", ending.Error, StringComparison.Ordinal);
    }

    private static async Task MustBeAt(IPage page, int line)
    {
        string wanted = line.ToString(CultureInfo.InvariantCulture);
        // where the slider is, where the page knows the machine to be, and where it is
        var patience = new LocatorAssertionsToHaveAttributeOptions { Timeout = 120_000 };
        await Assertions.Expect(page.Locator(".playback")).ToHaveAttributeAsync("data-at", wanted, patience);
        await Assertions.Expect(page.GetByRole(AriaRole.Slider, new() { Name = "Line of the recording" }))
            .ToHaveValueAsync(wanted);
        int at = await page.EvaluateAsync<int>("""
            async () => {
              const token = new URLSearchParams(location.search).get("t");
              const answer = await fetch("api/position", { headers: { Authorization: `Bearer ${token}` } });
              return (await answer.json()).at;
            }
            """);
        Assert.Equal(line, at);
    }

    private async Task<string> Recorded()
    {
        string path = Path.Combine(bench.Folder, $"{Guid.NewGuid():N}.ioasis");
        Execution program = Execution.Start([Path.Combine(bench.Root, "ioasis"), "trace", "-o", path, "--with-memory",
            .. Scene.Machine, "--", Path.Combine(bench.Folder, Scene.Program[0]), .. Scene.Program[1..]]);
        using (program)
        {
            Assert.StartsWith("ready ", await program.HearLine(), StringComparison.Ordinal);
            foreach (string step in (string[])["map", "fault"])
            {
                await program.Say($"{step}\n");
                await program.Hear($"done {step}");
            }

            (await program.End()).MustEnd();
        }

        return path;
    }
}
