using System.Text.RegularExpressions;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Ioasis.WebTests;

/// <summary>The address space of a real program: drawn, told in words, and gone through by keys alone.</summary>
public sealed class SpaceTests(WebBench bench)
{
    private const int Many = 1_000_000;

    // Of client watched: maps of a page, two pages apart.
    private const string First = "0x10000000", Second = "0x10002000";

    [Fact]
    public async Task Maps_are_found_and_read_by_keys_alone()
    {
        await using Scene scene = await bench.Start(program: ["watched", Scene.Plain, "30"]);
        IPage page = await scene.Open("space");
        ILocator line = page.GetByRole(AriaRole.Slider, new() { Name = "Address" });
        ILocator words = page.GetByTestId("words");
        await Expect(words).ToHaveTextAsync(
            new Regex($"^{First}: Map {First}-0x10000fff \\(4 KiB\\), devices may read\\."));
        await TabTo(page, line);
        await page.Keyboard.PressAsync("ArrowUp");
        await Expect(words).ToContainTextAsync($"{Second}: Map {Second}-0x10002fff (4 KiB), devices may write.");
        await page.Keyboard.PressAsync("ArrowUp");
        await Expect(words).ToContainTextAsync("devices may read and write.");
        await page.Keyboard.PressAsync("ArrowDown");
        await Expect(line).ToHaveAttributeAsync("aria-valuetext",
            new Regex($"^{Second}: Map"));
        await page.Keyboard.PressAsync("End");
        await Expect(words).ToContainTextAsync("0xffffffffffff: Free");
        await page.Keyboard.PressAsync("Home");
        await Expect(words).ToContainTextAsync("0x0: Free 0x0-0xfffffff (256 MiB)");
        await page.Keyboard.PressAsync("0");
        await Expect(page.GetByText("0x0 to 0xffffffffffff")).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("f");
        for (int i = 0; i < 40; i++) await page.Keyboard.PressAsync("+");
        await Expect(page.GetByText("(64 bytes")).ToBeVisibleAsync();
        scene.MustBeContent();
    }

    [Fact]
    public async Task The_place_is_in_the_url_and_is_found_again()
    {
        await using Scene scene = await bench.Start(program: ["watched", Scene.Plain, "30"]);
        IPage page = await scene.Open("space?first=0x10002000&last=0x10002fff");
        await Expect(page.GetByText("0x10002000 to 0x10002fff")).ToBeVisibleAsync();
        ILocator line = page.GetByRole(AriaRole.Slider, new() { Name = "Address" });
        await line.FocusAsync();
        await page.Keyboard.PressAsync("-");
        await Expect(page).ToHaveURLAsync(new Regex("first=0x10002000&last=0x100037ff"));
        await page.ReloadAsync();
        await Expect(page.GetByText("0x10002000 to 0x100037ff")).ToBeVisibleAsync();
        scene.MustBeContent();
    }

    [Fact]
    public async Task An_address_is_gone_to_and_a_wrong_one_is_told()
    {
        await using Scene scene = await bench.Start(program: ["watched", Scene.Plain, "30"]);
        IPage page = await scene.Open("space");
        ILocator address = page.GetByLabel("Address", new() { Exact = true }).And(page.GetByRole(AriaRole.Textbox));
        await address.FillAsync("0xfee01234");
        await address.PressAsync("Enter");
        await Expect(page.GetByTestId("words")).ToContainTextAsync(
            "0xfee01234: Reserved 0xfee00000-0xfeefffff (1 MiB): the window of interrupts (MSI).");
        await address.FillAsync("0x1000000000000");
        await Expect(page.GetByText("The space ends at 0xffffffffffff.")).ToBeVisibleAsync();
        await address.FillAsync("page");
        await Expect(page.GetByText("This is no address, such as 0x10000.")).ToBeVisibleAsync();
        scene.MustBeContent();
    }

    [Fact]
    public async Task What_the_program_maps_and_unmaps_and_its_device_writes_is_seen()
    {
        await using Scene scene = await bench.Start(program: ["watched", Scene.Plain, "30"]);
        IPage page = await scene.Open("space");
        await Expect(page.GetByText("30 maps, 120 KiB of 256 TiB.")).ToBeVisibleAsync();
        ILocator table = page.GetByRole(AriaRole.Region, new() { Name = "Maps in view" });
        await Expect(table).ToContainTextAsync("Maps in view: 30");
        await page.GetByRole(AriaRole.Button, new() { Name = "Whole space" }).ClickAsync();
        await scene.Step("map 3");
        await Expect(page.GetByText("33 maps, 132 KiB of 256 TiB.")).ToBeVisibleAsync();
        await Expect(table).ToContainTextAsync("Maps in view: 33");
        await scene.Step("unmap 13");
        await Expect(table).ToContainTextAsync("Maps in view: 20");
        ILocator dma = page.GetByRole(AriaRole.Button, new() { Name = "DMA, live (slower)" });
        await dma.ClickAsync();
        await Expect(dma).ToHaveAttributeAsync("aria-pressed", "true");
        await Expect(page.GetByText("No DMA was seen yet.")).ToBeVisibleAsync();
        // The stream may begin after the button says so: until then what the device does is not seen.
        do await scene.Step("dma 1");
        while (!await page.GetByText("accesses, ").IsVisibleAsync());
        await Expect(page.GetByText("read it and 0 wrote it.")).ToBeVisibleAsync();
        await Expect(page.GetByText("more: 1 in view")).ToBeVisibleAsync();
        scene.MustBeContent();
    }

    [Fact]
    public async Task A_million_maps_are_zoomed_at_30_frames_a_second()
    {
        await using Scene scene = await bench.Start(program: ["watched", Scene.Plain, $"{Many}"]);
        IPage page = await scene.Open("space");
        await Expect(page.GetByText("1,000,000 maps, about 3.8 GiB of 256 TiB.")).ToBeVisibleAsync();
        await Expect(page.GetByTestId("words")).ToContainTextAsync(" maps of ");
        // A second of keys, one in each frame; the machine may be busy with other tests, so the best of some counts.
        int[] frames = [];
        string? place = null;
        for (int i = 0; i < 10 && !frames.Any(f => f >= 30); i++)
        {
            frames = [.. frames, await page.EvaluateAsync<int>("""
                async () => {
                  const line = document.querySelector("[role=slider]");
                  const at = [];
                  let n = 0;
                  await new Promise((done) => {
                    const frame = (time) => {
                      at.push(time);
                      const key = ++n % 40 < 20 ? "+" : "-";
                      line.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
                      if (time - at[0] < 1000) requestAnimationFrame(frame);
                      else done();
                    };
                    requestAnimationFrame(frame);
                  });
                  return at.length - 1;
                }
                """)];
            place = await page.Locator(".range").TextContentAsync();
        }

        TestContext.Current.SendDiagnosticMessage($"frames a second, of each try: {string.Join(", ", frames)}");
        Assert.Contains(frames, f => f >= 30);
        Assert.DoesNotContain("0x0 to 0xffffffffffff", place, StringComparison.Ordinal);
        // It did not only count frames: what is shown in the end is what is there.
        await page.GetByRole(AriaRole.Slider, new() { Name = "Address" }).FocusAsync();
        for (int i = 0; i < 60; i++) await page.Keyboard.PressAsync("+");
        await Expect(page.GetByTestId("words")).ToContainTextAsync($"{First}: Map {First}-0x10000fff (4 KiB)");
        Assert.True(await page.EvaluateAsync<bool>("""
            () => {
              const canvas = document.querySelector("[role=slider]");
              const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
              return new Set(new Uint32Array(pixels.buffer)).size > 5;
            }
            """));
        scene.MustBeContent();
    }

    private static async Task TabTo(IPage page, ILocator wanted)
    {
        for (int i = 0; i < 40; i++)
        {
            await page.Keyboard.PressAsync("Tab");
            if (await wanted.EvaluateAsync<bool>("e => e === document.activeElement")) return;
        }

        Assert.Fail("40 tabs did not reach it");
    }
}
