using System.Globalization;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace Ioasis.WebTests;

/// <summary>The frame that all screens are in: keys, names, sizes, and what people with other senses get.</summary>
public sealed class FrameTests(WebBench bench)
{
    public static TheoryData<string> Screens => ["topology", "walk", "space", "faults", "timeline", "lessons"];

    [Theory]
    [MemberData(nameof(Screens))]
    public async Task A_screen_has_no_violations_in_either_scheme_wide_and_narrow(string screen)
    {
        await using Scene scene = await bench.Start();
        foreach (ColorScheme scheme in (ColorScheme[])[ColorScheme.Light, ColorScheme.Dark])
        {
            foreach (int width in (int[])[360, 1280, 3840])
            {
                IPage page = await scene.Open(screen, scheme, width);
                AxeResult result = await page.RunAxe();
                IEnumerable<string> found = result.Violations.Select(
                    v => $"{v.Id}: {v.Help}: {string.Join(", ", v.Nodes.Select(n => n.Html))}");
                Assert.True(
                    result.Violations.Length == 0, $"{screen}, {scheme}, {width}: {string.Join("\n", found)}");
                // nothing is wider than the window
                Assert.Equal(width, await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth"));
                await page.CloseAsync();
            }
        }

        scene.MustBeContent();
    }

    [Fact]
    public async Task All_screens_together_take_less_than_150_KB_from_here_alone()
    {
        await using Scene scene = await bench.Start();
        IPage page = await scene.Open("topology");
        foreach (string screen in Screens.Select(row => row.Data))
        {
            await page.GotoAsync($"{scene.Url}#/{screen}");
            await page.Locator("main h2").First.WaitForAsync();
        }

        // A file that came from a cache has no size on the wire; its size there is that of its encoded body.
        string[] files = await page.EvaluateAsync<string[]>("""
            () => performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"))
              .filter((e) => !new URL(e.name).pathname.startsWith("/api/"))
              .map((e) => `${e.encodedBodySize} ${e.name}`)
            """);
        Assert.All(files, file => Assert.Contains($" {scene.Url.GetLeftPart(UriPartial.Authority)}/", file,
            StringComparison.Ordinal));
        Assert.Contains(files, file => file.Contains("/screens/timeline.js", StringComparison.Ordinal));
        int bytes = files.Sum(file => int.Parse(file.Split(' ')[0], CultureInfo.InvariantCulture));
        Assert.InRange(bytes, 20_000, 150_000);
        scene.MustBeContent();
    }

    /// <summary>A key that comes as soon as the page is drawn goes to its screen, and the next one to what it
    /// shows.</summary>
    [Fact]
    public async Task Keys_count_from_the_first_drawing_on()
    {
        await using Scene scene = await Scene.Show(bench, "lessons");
        IPage page = await scene.Open("topology");
        await page.AddInitScriptAsync("""
            new MutationObserver((_, observer) => {
              if (!document.querySelector("nav")) return;
              observer.disconnect();
              document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "2", bubbles: true }));
            }).observe(document, { childList: true, subtree: true })
            """);
        await page.ReloadAsync();
        await Assertions.Expect(page.Locator("main h2")).ToHaveTextAsync("Walk");
        await Assertions.Expect(page.Locator("main")).ToBeFocusedAsync();
        scene.MustBeContent();
    }
}
