using System.Text.RegularExpressions;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Ioasis.WebTests;

/// <summary>Faults of a real program as they come, and what its checks find.</summary>
public sealed class FaultsTests(WebBench bench)
{
    [Fact]
    public async Task Faults_come_at_once_in_groups_and_lead_to_the_walk()
    {
        await using Scene scene = await bench.Start(program: ["watched", Scene.Plain, "30"]);
        await scene.Step("fault 2");
        IPage page = await scene.Open("faults");
        ILocator rows = page.GetByRole(AriaRole.Region, new() { Name = "Faults" }).Locator("tbody tr");
        await Expect(page.GetByRole(AriaRole.Status)).ToContainTextAsync(["2 faults in 2 groups"]);
        await Expect(rows).ToHaveCountAsync(2);
        await scene.Step("fault 1");
        await Expect(rows.First).ToContainTextAsync("0x8000000");
        await Expect(rows.First.Locator("td").Nth(3)).ToHaveTextAsync("2");
        await scene.Step("forbid 1");
        await Expect(rows).ToHaveCountAsync(3);
        await Expect(rows.First).ToContainTextAsync("NoPermission The mapping does not permit that access.");
        await Expect(rows.First).ToContainTextAsync(
            "VT-d fault reason 0x5: A write that the second stage does not permit.");
        ILocator link = rows.First.GetByRole(AriaRole.Link);
        await link.FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page).ToHaveURLAsync(new Regex(
            $"#/walk\\?device={Uri.EscapeDataString(Scene.Plain)}&address=0x10000000&write=true$"));
        scene.MustBeContent();
    }

    [Fact]
    public async Task Faults_of_one_device_are_chosen()
    {
        await using Scene scene = await bench.Start();
        IPage page = await scene.Open("faults");
        await Expect(page.GetByRole(AriaRole.Status)).ToContainTextAsync(["4 faults in 4 groups"]);
        await page.GetByLabel("Device").SelectOptionAsync(Scene.Nesting);
        await Expect(page.GetByRole(AriaRole.Status)).ToContainTextAsync(["2 faults in 2 groups"]);
        await Expect(page.GetByText("An entry of the first stage is not present.")).ToBeVisibleAsync();
        await Expect(page).ToHaveURLAsync(new Regex("#/faults\\?device="));
        scene.MustBeContent();
    }

    [Fact]
    public async Task What_the_checks_find_has_its_stack()
    {
        await using Scene scene = await bench.Start([.. Scene.Machine, "--check"], ["watched", Scene.Plain, "30"]);
        IPage page = await scene.Open("faults");
        await Expect(page.GetByText("The program is checked, and nothing was found so far.")).ToBeVisibleAsync();
        await scene.Step("forbid 1");
        ILocator finding = page.Locator("summary");
        await Expect(finding).ToContainTextAsync("dma-no-permission: write at IOVA 0x10000000");
        await finding.FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        ILocator report = page.GetByRole(AriaRole.Region, new() { Name = "Report of dma-no-permission" });
        await Expect(report).ToContainTextAsync("in map_more (");
        await Expect(report).ToContainTextAsync("Hint: Map the memory with IOMMU_IOAS_MAP_WRITEABLE");
        // A page that comes later has it as well.
        IPage later = await scene.Open("faults");
        await Expect(later.Locator("summary")).ToContainTextAsync("dma-no-permission: write at IOVA 0x10000000");
        scene.MustBeContent();
    }

    [Fact]
    public async Task A_program_without_checks_says_so()
    {
        await using Scene scene = await bench.Start(program: ["watched", Scene.Plain, "30"]);
        IPage page = await scene.Open("faults");
        await Expect(page.GetByText("No access was refused.")).ToBeVisibleAsync();
        await Expect(page.GetByText("this one runs without.")).ToBeVisibleAsync();
        scene.MustBeContent();
    }
}
