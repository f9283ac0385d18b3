using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Ioasis.WebTests;

/// <summary>What the machine consists of, as a drawing and as a list, and what changes in it.</summary>
public sealed class TopologyTests(WebBench bench)
{
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(10); // usual is 100 ms; machines are loaded

    [Fact]
    public async Task Everything_that_the_program_made_is_there_and_what_is_nested_stands_in_its_parent()
    {
        await using Scene scene = await bench.Start();
        IPage page = await scene.Open("topology");
        foreach (string name in (string[])[
            "dmar0, 4 faults, unit", $"{Scene.Plain}, dmatest, vfio-pci, bus master",
            $"{Scene.Edu}, edu, vfio-pci, bus master off", "n0, ", "PASID 1, requests", "PASID 3, requests",
            "HWPT 7, a process", "HWPT 12, second stage", "HWPT 13, nested: 1st stage",
            "IOAS 3, 3 maps, 24 KiB, IOAS", "IOAS 11, 1 map, 4 MiB, IOAS", "process, "])
            await Expect(Thing(page, name)).ToHaveCountAsync(1);
        LocatorBoundingBoxResult outer = (await Box(page, "HWPT 12,"))!, inner = (await Box(page, "HWPT 13,"))!;
        Assert.InRange(inner.X, outer.X, outer.X + outer.Width - inner.Width);
        Assert.InRange(inner.Y, outer.Y, outer.Y + outer.Height - inner.Height);
        scene.MustBeContent();
    }

    [Fact]
    public async Task Keys_alone_reach_a_thing_choose_it_and_follow_its_link()
    {
        await using Scene scene = await bench.Start();
        IPage page = await scene.Open("topology");
        await Thing(page, "dmar0,").FocusAsync();
        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(Thing(page, "group 0,")).ToBeFocusedAsync();
        for (int i = 0; i < 3; i++) await page.Keyboard.PressAsync("ArrowDown");
        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(Thing(page, $"{Scene.Plain},")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Enter");

        ILocator details = page.GetByRole(AriaRole.Complementary, new() { Name = "Details" });
        await Expect(details).ToContainTextAsync("driver");
        await Expect(Thing(page, $"{Scene.Plain},")).ToHaveAttributeAsync("aria-pressed", "true");
        // what it is connected with stands out, the rest does not
        await Expect(page.Locator(".thing:not(.faint)", new() { HasText = "IOAS 5" })).ToHaveCountAsync(1);
        await Expect(page.Locator(".thing.faint", new() { HasText = "IOAS 11" })).ToHaveCountAsync(1);
        // the place can be shared
        Assert.Contains($"of={Uri.EscapeDataString($"device:{Scene.Plain}")}", page.Url, StringComparison.Ordinal);
        await page.ReloadAsync();
        await details.GetByRole(AriaRole.Link, new() { Name = "walk it" }).PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Walk" })).ToBeVisibleAsync();
        Assert.Contains($"device={Uri.EscapeDataString(Scene.Plain)}", page.Url, StringComparison.Ordinal);
        scene.MustBeContent();
    }

    [Fact]
    public async Task A_map_is_seen_soon_and_changes_are_seen_in_their_order()
    {
        await using Scene scene = await bench.Start();
        IPage page = await scene.Open("topology");
        await Expect(Thing(page, "IOAS 3, 3 maps, 24 KiB")).ToBeVisibleAsync();
        await page.EvaluateAsync("""
            () => {
              const seen = window.seen = [];
              window.times = [];
              const note = () => {
                const label = document.querySelector('[data-key="ioas:1/3"]').getAttribute("aria-label");
                const maps = Number(/(\d+) maps/.exec(label)[1]);
                if (seen.at(-1) === maps) return;
                seen.push(maps);
                window.times.push(Date.now());
              };
              new MutationObserver(note).observe(document.body, { subtree: true, attributes: true, childList: true });
            }
            """);
        List<double> took = [];
        for (int maps = 4; maps <= 8; maps++)
        {
            DateTimeOffset began = DateTimeOffset.UtcNow;
            await scene.Step("map");
            await Expect(Thing(page, $"IOAS 3, {maps} maps, {12 + (4 * maps)} KiB")).ToBeVisibleAsync();
            // By the page's own clock: Expect looks only now and then.
            double seenAt = await page.EvaluateAsync<double>("() => window.times.at(-1)");
            took.Add((DateTimeOffset.FromUnixTimeMilliseconds((long)seenAt) - began).TotalMilliseconds);
            Assert.InRange(took[^1], -1, s_soon.TotalMilliseconds);
        }

        TestContext.Current.SendDiagnosticMessage(string.Create(CultureInfo.InvariantCulture,
            $"maps were seen after {string.Join(", ", took.Select(t => $"{t:F0}"))} ms"));
        await scene.Step("maps");
        await scene.Step("unmap");
        await Expect(Thing(page, "IOAS 3, 107 maps")).ToBeVisibleAsync();
        int[] seen = await page.EvaluateAsync<int[]>("() => window.seen");
        Assert.Equal(4, seen[0]);
        Assert.Equal(107, seen[^1]);
        // none comes back: what is shown only grows up to the last map, and then falls
        int peak = Array.IndexOf(seen, seen.Max());
        Assert.Equal(seen[..(peak + 1)].Order(), seen[..(peak + 1)]);
        scene.MustBeContent();
    }

    [Fact]
    public async Task Many_PASIDs_are_folded_until_a_button_unfolds_them()
    {
        await using Scene scene = await bench.Start();
        await scene.Step("attaches");
        IPage page = await scene.Open("topology");
        ILocator more = page.GetByRole(AriaRole.Button, new() { NameRegex = new("^and [0-9]+ more PASIDs$") });
        await Expect(more).ToHaveCountAsync(1);
        Assert.InRange(await page.Locator(".thing.rank3").CountAsync(), 5, 20);
        await more.PressAsync("Enter");
        await Expect(more).ToHaveCountAsync(0);
        await Expect(page.Locator(".thing.rank3", new() { HasText = "PASID 159" })).ToHaveCountAsync(1);
        await MustNotOverlap(page);
        scene.MustBeContent();
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 60)]
    [InlineData(60, 1)]
    [InlineData(60, 30)]
    public async Task No_box_of_a_drawing_lies_upon_another_and_no_text_leaves_its_box(int devices, int pasids)
    {
        await using Scene scene = await bench.Start();
        IPage page = await scene.Open("faults");
        string[] wrong = await page.EvaluateAsync<string[]>("""
            async ([devices, pasids]) => {
              const model = await import("/parts/topology-model.js");
              const layout = await import("/parts/topology-layout.js");
              const state = { units: [{ name: "dmar0", faults: 0 }], groups: [], devices: [], contexts: [], pasids: 0 };
              const objects = [];
              for (let i = 0; i < devices; i++) {
                const device = `0000:${(i + 16).toString(16)}:00.0`;
                state.groups.push({ group: i, type: "DMA-FQ", devices: [device], claims: 1 });
                objects.push({ id: 1000 + i, kind: "ioas", mapCount: 1000000, mappedBytes: 4096000000, maps: [] });
                objects.push({ id: 2000 + i, kind: "hwpt_paging", ioas: 1000 + i, flags: ["nest_parent"] });
                objects.push({ id: 3000 + i, kind: "hwpt_nested", parent: 2000 + i, flags: [], fault: 4000 });
                const attachments = [{ domain: "hwpt", context: 1, hwpt: 3000 + i }];
                for (let p = 1; p < pasids; p++) {
                  attachments.push({ pasid: p * 1000, domain: "hwpt", context: 1, hwpt: 2000 + i });
                }
                state.devices.push({ device, model: "a-model-of-a-plug-in-with-a-name", unit: "dmar0", group: i,
                  canSend: true, pageRequests: 9, attachments, engines: [{ name: "0", isBusy: true }] });
              }
              state.contexts.push({ context: 1, path: "/dev/iommu", process: 7, isOpen: true, objects });
              const topology = model.topologyOf(state);
              const all = new Set(["1:unit:dmar0", "4:", "5:",
                ...state.groups.map((g) => `2:group:${g.group}`), ...state.devices.map((d) => `3:device:${d.device}`)]);
              const wrong = [];
              for (const unfolded of [new Set(), all]) {
                for (const width of [900, 1280, 3840]) {
                  const size = { width, char: 8, line: 18 };
                  const folded = model.fold(topology, unfolded, new Set());
                  const drawn = layout.layOut(folded, size);
                  const boxes = [...drawn.boxes, ...drawn.buttons];
                  const [is, due] = [drawn.boxes.length, folded.things.size];
                  if (is !== due) wrong.push(`${is} of ${due}`);
                  for (const a of boxes) {
                    const isIn = a.x >= 0 && a.y >= 0 && a.x + a.width <= width + .01 && a.y + a.height <= drawn.height;
                    if (!isIn) wrong.push(`out: ${a.key}`);
                    for (const line of a.lines ?? []) {
                      if (line.text.length * size.char > a.width) wrong.push(`too long: ${line.text}`);
                    }
                    for (const b of boxes) {
                      if (a === b || a.thing?.within === b.key || b.thing?.within === a.key) continue;
                      if (a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height) {
                        wrong.push(`${a.key ?? a.name} on ${b.key ?? b.name}`);
                      }
                    }
                  }
                  if (unfolded === all && folded.folded.length) wrong.push(`folded: ${folded.folded[0].name}`);
                  if (unfolded !== all && drawn.height > 6000) wrong.push(`high: ${drawn.height}`);
                }
              }
              return wrong;
            }
            """, new[] { devices, pasids });
        Assert.Empty(wrong.Take(10));
    }

    [Fact]
    public async Task A_narrow_window_has_a_list_in_which_each_thing_stands_below_what_leads_to_it()
    {
        await using Scene scene = await bench.Start();
        IPage page = await scene.Open("topology", width: 360);
        ILocator device = page.GetByRole(AriaRole.Listitem).Filter(new() { HasText = Scene.Nesting }).Last;
        await Expect(device).ToContainTextAsync("HWPT 13 nested");
        await device.GetByRole(AriaRole.Button, new() { NameRegex = new("^HWPT 12") }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Complementary)).ToContainTextAsync("nest_parent");
        await page.GetByRole(AriaRole.Complementary).GetByRole(AriaRole.Link, new() { Name = "address space" })
            .ClickAsync();
        Assert.Contains("space?context=1&ioas=11", page.Url, StringComparison.Ordinal);
        scene.MustBeContent();
    }

    private static ILocator Thing(IPage page, string name) =>
        page.Locator(".topology").GetByRole(AriaRole.Button, new() { NameRegex = new($"^{Regex.Escape(name)}") });

    private static Task<LocatorBoundingBoxResult?> Box(IPage page, string name) =>
        Thing(page, name).Locator("rect").BoundingBoxAsync();

    /// <summary>No two boxes of a rank lie upon each other, except one within its parent.</summary>
    private static async Task MustNotOverlap(IPage page) => Assert.Empty(await page.EvaluateAsync<string[]>("""
        () => {
          const boxes = [...document.querySelectorAll(".topology g > rect:first-of-type")]
            .map((r) => ({ name: r.parentElement.getAttribute("aria-label"), ...r.getBoundingClientRect().toJSON() }));
          const isIn = (a, b) => a.left >= b.left && a.right <= b.right && a.top >= b.top && a.bottom <= b.bottom;
          return boxes.flatMap((a) => boxes.filter((b) => a !== b && a.left < b.right && b.left < a.right
            && a.top < b.bottom && b.top < a.bottom && !isIn(a, b) && !isIn(b, a))
            .map((b) => `${a.name} on ${b.name}`));
        }
        """));
}
