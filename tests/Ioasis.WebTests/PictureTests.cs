using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Ioasis.WebTests;

/// <summary>The screens look as on the pictures of the documentation: dark, light and narrow.</summary>
public sealed class PictureTests(WebBench bench)
{
    private static readonly (string Name, ColorScheme Scheme, int Width)[] s_looks =
        [("dark", ColorScheme.Dark, 1280), ("light", ColorScheme.Light, 1280), ("narrow", ColorScheme.Dark, 360)];

    /// <summary>Each screen at a place that shows much, and what is waited for.</summary>
    private static readonly Dictionary<string, (string Place, string[] Wait)> s_screens = new()
    {
        ["topology"] = ($"topology?of={Uri.EscapeDataString($"device:{Scene.Nesting}")}", ["IOAS 11"]),
        ["walk"] = ($"walk?device={Scene.Nesting}&address=0x5000&step=5", ["stage 1, level 1"]),
        ["walk-refused"] = ($"walk?device={Scene.Nesting}&address=0x4000&step=all", ["SFS.2"]),
        ["space"] = ("space?context=1&ioas=3&first=0x8000&last=0x47fff",
            ["3 maps, 24 KiB of 256 TiB.", "Maps in view: 3", "0x8000: Free 0x0-0xffff (64 KiB).", "0x100005000"]),
        ["faults"] = ("faults", ["4 faults in 4 groups", "this one runs without."]),
    };

    public static TheoryData<string> Screens => [.. s_screens.Keys];

    [Theory]
    [MemberData(nameof(Screens))]
    public async Task A_screen_looks_as_on_its_pictures(string screen)
    {
        (string place, string[] wait) = s_screens[screen];
        await using Scene scene = await bench.Start();
        foreach ((string name, ColorScheme scheme, int width) in s_looks)
        {
            IPage page = await scene.Open(place, scheme, width);
            await IsLive(page);
            foreach (string text in wait) await page.GetByText(text).First.WaitForAsync();
            await Picture.MustBe(bench, scene, page, $"{screen}-{name}");
        }

        scene.MustBeContent();
    }

    /// <summary>What is on its lanes has times of this run, so it is not compared; all round it is.</summary>
    [Fact]
    public async Task The_timeline_looks_as_on_its_pictures()
    {
        await using Scene scene = await bench.Start();
        var pages = new List<IPage>();
        foreach ((_, ColorScheme scheme, int width) in s_looks)
        {
            IPage page = await scene.Open("timeline", scheme, width);
            await IsLive(page);
            // What its stream brings is seen from here on.
            do await scene.Step("alloc");
            while (await page.GetByText("0 events are kept").IsVisibleAsync());
            pages.Add(page);
        }

        foreach (string step in (string[])["map", "map", "dma", "unmap", "fault", "request", "answer"])
            await scene.Step(step);
        foreach (((string name, _, _), IPage page) in s_looks.Zip(pages))
        {
            // The last of these is on its lane, and then nothing is selected again.
            ILocator words = page.GetByTestId("words");
            ILocator line = page.GetByRole(AriaRole.Slider, new() { Name = "Event" });
            await line.FocusAsync();
            for (int i = 0; i < 20; i++)
            {
                await page.Keyboard.PressAsync("ArrowDown");
                if ((await words.TextContentAsync())!.Contains("page request of", StringComparison.Ordinal)) break;
            }

            await Expect(words).ToContainTextAsync(", Success after ");
            await line.ClickAsync(new LocatorClickOptions { Position = new Position { X = 2, Y = 2 } });
            await page.Keyboard.PressAsync("l");
            await page.Mouse.MoveAsync(1, 1);
            await Expect(words).ToHaveTextAsync("Nothing is selected.");
            await Picture.MustBe(bench, scene, page, $"timeline-{name}", line, page.Locator(".range"));
        }

        scene.MustBeContent();
    }

    [Fact]
    public async Task A_lesson_looks_as_on_its_pictures()
    {
        await using Scene scene = await Scene.Show(bench, "lessons");
        foreach ((string name, ColorScheme scheme, int width) in s_looks)
        {
            IPage page = await scene.Open("lessons", scheme, width);
            await page.GetByRole(AriaRole.Button, new() { NameRegex = new("^Begin, [0-9]+ steps: Two stages") })
                .ClickAsync();
            for (int step = 1; step <= 5; step++)
            {
                await page.Locator("button.main").ClickAsync();
                await Expect(page.Locator(".steps li.done")).ToHaveCountAsync(step);
            }

            await Expect(page.Locator(".result h3")).ToContainTextAsync("Step 5:");
            await page.GetByText("nothing is mapped there").WaitForAsync(); // the end of the walk, which is asked for
            await Picture.MustBe(bench, scene, page, $"lesson-{name}");
        }

        scene.MustBeContent();
    }

    private static async Task IsLive(IPage page)
    {
        await Expect(page.GetByRole(AriaRole.Status).First).ToHaveTextAsync("live");
        await Expect(page.Locator(".what")).ToContainTextAsync("web_scene");
    }
}
