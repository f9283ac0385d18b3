using System.Text.RegularExpressions;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Ioasis.WebTests;

/// <summary>What a real program does, as it happens, on the timeline.</summary>
public sealed class TimelineTests(WebBench bench)
{
    private static Regex Pattern(string text) => new(text);

    [Fact]
    public async Task Events_are_selected_and_read_by_keys_alone()
    {
        await using Scene scene = await bench.Start(program: ["watched", Scene.Plain, "30"]);
        IPage page = await Listen(scene);
        await scene.Step("refuse 1");
        await scene.Step("fault 1");
        ILocator line = page.GetByRole(AriaRole.Slider, new() { Name = "Event" });
        ILocator words = page.GetByTestId("words");
        await line.FocusAsync();
        // The newest call, and from there to the one that was refused.
        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(words).ToContainTextAsync("calls: ");
        for (int i = 0; i < 60 && !(await words.TextContentAsync())!.Contains("EEXIST", StringComparison.Ordinal); i++)
            await page.Keyboard.PressAsync("ArrowLeft");
        await Expect(words).ToHaveTextAsync(Pattern(
            "ioctl\\(IOMMU_IOAS_MAP\\) on /dev/iommu is refused: EEXIST, something in 0x10000000-0x10000fff is mapped "
            + "already, took "));
        await Expect(line).ToHaveAttributeAsync("aria-valuetext", Pattern("EEXIST"));
        await Expect(page.GetByRole(AriaRole.Region, new() { Name = "In", Exact = true }))
            .ToContainTextAsync("FIXED_IOVA|WRITEABLE|READABLE");
        // The other tracks are below: doorbells, then faults.
        for (int i = 0; i < 10; i++) await page.Keyboard.PressAsync("ArrowDown");
        await Expect(words).ToHaveTextAsync(Pattern(
            $"{Scene.Plain}: faults: fault of {Scene.Plain}: write at 0x8000000, NotMapped$"));
        scene.MustBeContent();
    }

    [Fact]
    public async Task A_page_request_lasts_until_its_response()
    {
        await using Scene scene = await bench.Start();
        IPage page = await Listen(scene, "alloc");
        await scene.Step("request");
        ILocator words = page.GetByTestId("words");
        await page.GetByRole(AriaRole.Slider, new() { Name = "Event" }).FocusAsync();
        await Select(page, words, "not answered yet");
        await scene.Step("answer");
        await Expect(words).ToContainTextAsync("page request of 0000:07:00.0 PASID 3 for 0x300000");
        await Expect(words).ToContainTextAsync(", Success after ");
        scene.MustBeContent();
    }

    [Fact]
    public async Task Space_pauses_and_what_came_meanwhile_is_said()
    {
        await using Scene scene = await bench.Start(program: ["watched", Scene.Plain, "30"]);
        IPage page = await Listen(scene);
        ILocator pause = page.GetByRole(AriaRole.Button, new() { Name = "Pause" });
        await page.GetByRole(AriaRole.Slider, new() { Name = "Event" }).FocusAsync();
        await page.Keyboard.PressAsync("Space");
        await Expect(pause).ToHaveAttributeAsync("aria-pressed", "true");
        await Expect(page.GetByText(", paused")).ToBeVisibleAsync();
        await scene.Step("refuse 5");
        await Expect(page.Locator(".range")).ToContainTextAsync(" came since");
        await page.Keyboard.PressAsync("Space");
        await Expect(page.GetByText(Pattern("[0-9]+ events came while the timeline was paused, after [0-9.]+ s\\.")))
            .ToBeVisibleAsync();
        await Expect(page.GetByText(", following")).ToBeVisibleAsync();
        scene.MustBeContent();
    }

    [Fact]
    public async Task Dma_has_a_track_while_it_is_asked_for()
    {
        await using Scene scene = await bench.Start(program: ["watched", Scene.Plain, "30"]);
        IPage page = await Listen(scene);
        await page.GetByRole(AriaRole.Button, new() { Name = "DMA, live (slower)" }).ClickAsync();
        ILocator words = page.GetByTestId("words");
        await page.GetByRole(AriaRole.Slider, new() { Name = "Event" }).FocusAsync();
        for (int i = 0; i < 100; i++)
        {
            await scene.Step("dma 1");
            for (int down = 0; down < 6; down++) await page.Keyboard.PressAsync("ArrowDown");
            if ((await words.TextContentAsync())!.Contains(": DMA: ", StringComparison.Ordinal)) break;
        }

        await Expect(words).ToHaveTextAsync(Pattern($"{Scene.Plain}: DMA: DMA of {Scene.Plain}: (reads|writes) "));
        // The curves' figures are read where the timeline stands still.
        await page.Keyboard.PressAsync("f");
        ILocator rates = page.Locator("#timeline-rates");
        await Expect(rates).ToHaveTextAsync(Pattern("DMA bytes/s (about )?[1-9]"));
        await Expect(rates).Not.ToContainTextAsync("not measured");
        scene.MustBeContent();
    }

    /// <summary>Opens the timeline, and lets the program do something until that is seen.</summary>
    private static async Task<IPage> Listen(Scene scene, string step = "refuse 1")
    {
        IPage page = await scene.Open("timeline");
        ILocator count = page.GetByText("0 events are kept");
        do await scene.Step(step);
        while (await count.IsVisibleAsync());
        return page;
    }

    /// <summary>Goes through tracks and events until the words have a text.</summary>
    private static async Task Select(IPage page, ILocator words, string text)
    {
        for (int i = 0; i < 20; i++)
        {
            await page.Keyboard.PressAsync("ArrowDown");
            for (int left = 0; left < 3; left++)
            {
                if ((await words.TextContentAsync())!.Contains(text, StringComparison.Ordinal)) return;
                await page.Keyboard.PressAsync(left == 0 ? "ArrowRight" : "ArrowLeft");
            }
        }

        Assert.Fail($"no event has the words \"{text}\"; the last was {await words.TextContentAsync()}");
    }
}
