using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Ioasis.WebTests;

/// <summary>A walk on the page: step by step and bit by bit, what is kept, and why it is refused.</summary>
public sealed class WalkTests(WebBench bench)
{
    [Fact]
    public async Task Keys_go_through_a_nested_walk_and_the_address_in_the_bar_keeps_the_place()
    {
        await using Scene scene = await bench.Start();
        IPage page = await scene.Open("walk");
        await page.GetByLabel("Device").SelectOptionAsync(Scene.Nesting);
        await page.GetByLabel("Address").FillAsync("0x1234");
        await page.GetByLabel("Address").PressAsync("Enter");
        ILocator rows = page.Locator(".walk-grid tbody tr");
        await Expect(rows).ToHaveCountAsync(1);
        await page.GetByLabel("Address").EvaluateAsync("e => e.blur()");
        await page.Keyboard.PressAsync("Space");
        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(rows).ToHaveCountAsync(3);
        await Expect(rows.Nth(1)).ToContainTextAsync("stage 1, level 4");
        await Expect(rows.Nth(1)).ToContainTextAsync("0x0-0x3fffff"); // each table is read through the second stage
        await page.Keyboard.PressAsync("ArrowLeft");
        await Expect(rows).ToHaveCountAsync(2);
        await page.ReloadAsync();
        await Expect(rows).ToHaveCountAsync(2);
        await page.Keyboard.PressAsync("End");
        await Expect(page.GetByRole(AriaRole.Status).Filter(new() { HasText = "The address is translated." }))
            .ToBeVisibleAsync();
        // what each level uses of 0x1234
        await Expect(page.GetByRole(AriaRole.Img)).ToHaveAttributeAsync("aria-label",
            "The address in bits: above 0x0, level 4 0x0, level 3 0x0, level 2 0x0, level 1 0x1, offset 0x234");
        scene.MustBeContent();
    }

    /// <summary>Two keys within a frame are two steps, and a key at the first drawing counts.</summary>
    [Fact]
    public async Task Keys_that_come_before_the_next_paint_are_not_lost()
    {
        await using Scene scene = await bench.Start();
        IPage page = await scene.Open($"walk?device={Scene.Nesting}&address=0x1234");
        ILocator rows = page.Locator(".walk-grid tbody tr");
        await Expect(rows).ToHaveCountAsync(1);
        await page.EvaluateAsync("""
            async () => {
              for (const key of [" ", "ArrowRight", "ArrowRight"]) {
                document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
                // the page draws in a microtask, and no frame is painted between these
                for (let i = 0; i < 50; i++) await null;
              }
            }
            """);
        await Expect(rows).ToHaveCountAsync(4);
        page = await scene.Open("walk");
        await page.EvaluateAsync("""
            () => new MutationObserver((_, observer) => {
              if (!document.querySelector(".walk-grid")) return;
              observer.disconnect();
              document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
            }).observe(document.body, { childList: true, subtree: true })
            """);
        await page.GotoAsync($"{scene.Url}#/walk?device={Scene.Nesting}&address=0x1234");
        await Expect(page.Locator(".walk-grid tbody tr")).ToHaveCountAsync(2);
        scene.MustBeContent();
    }

    [Fact]
    public async Task An_entry_is_told_bit_by_bit_with_the_names_of_the_specification()
    {
        await using Scene scene = await bench.Start();
        IPage page = await scene.Open($"walk?device={Scene.Nesting}&address=0x200000&step=all");
        await page.GetByRole(AriaRole.Button, new() { Name = "Step 4 in full" }).ClickAsync();
        ILocator fields = page.Locator(".fields tbody tr");
        await Expect(fields.Filter(new() { HasText = "PS" })).ToContainTextAsync("a page");
        await Expect(fields.Filter(new() { HasText = "ADDR" })).ToContainTextAsync("0x200000");
        await Expect(fields.Filter(new() { HasText = "51:21" })).ToContainTextAsync("a page of 2^21 bytes");
        await Expect(fields.Filter(new() { HasText = "U/S" })).ToContainTextAsync("a user's");
        scene.MustBeContent();
    }

    [Fact]
    public async Task What_the_IOTLB_keeps_stands_beside_memory_until_it_is_invalidated()
    {
        await using Scene scene = await bench.Start();
        string place = $"walk?device={Scene.Nesting}&address=0x5000&step=all";
        IPage page = await scene.Open(place);
        ILocator end = page.Locator(".walk-end");
        await Expect(end).ToContainTextAsync("leads to guest-physical 0x209000");
        await Expect(end).ToContainTextAsync("IOTLB keepsguest-physical 0x208000");
        await Expect(end).ToContainTextAsync("they differ");
        await Expect(page.Locator(".walk-grid tr.kept")).ToHaveCountAsync(1);
        await scene.Step("invalidate");
        page = await scene.Open(place);
        await Expect(page.Locator(".walk-end")).ToContainTextAsync("translated");
        await Expect(page.Locator(".walk-grid tr.kept")).ToHaveCountAsync(0);
        await Expect(page.Locator(".walk-grid tbody tr").Last).ToContainTextAsync("0x0000000000209000");
        scene.MustBeContent();
    }

    [Theory]
    [InlineData(Scene.Nesting, "0x4000", "", "Fault reason 0x71. SFS.2: ")]
    [InlineData(Scene.Nesting, "0x3000", "", "Fault reason 0x81. SGN.2: ")]
    [InlineData(Scene.Nesting, "0x2000", "&write=1", "Fault reason 0x85. SGN.6: ")]
    [InlineData(Scene.Plain, "0x10000", "&write=1", "Fault reason 0x5. Legacy mode, a write: ")]
    public async Task A_refusal_has_the_sentence_of_the_specification(
        string device, string address, string more, string rule)
    {
        await using Scene scene = await bench.Start();
        IPage page = await scene.Open($"walk?device={device}&address={address}{more}&step=all");
        await Expect(page.Locator(".walk-step")).ToContainTextAsync(rule);
        await Expect(page.Locator(".walk-end")).ToContainTextAsync("The access faults: ");
        scene.MustBeContent();
    }

    [Fact]
    public async Task A_place_of_the_address_bar_that_makes_no_sense_is_refused_in_words()
    {
        await using Scene scene = await bench.Start();
        IPage page = await scene.Open("walk?device=0000:1f:00.0&address=0x1000");
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("there is no device 0000:1f:00.0");
        page = await scene.Open($"walk?device={Scene.Plain}&address=%3Cimg%20src%3Dx%3E");
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("<img src=x>");
        Assert.Equal(0, await page.Locator("main img").CountAsync());
    }
}
