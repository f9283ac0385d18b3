using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Ioasis.WebTests;

/// <summary>The screens look as on the pictures of the documentation: dark, light and narrow.</summary>
public sealed class PictureTests(WebBench bench)
{
    private static readonly (string Name, ColorScheme Scheme, int Width)[] s_looks =
        [("dark", ColorScheme.Dark, 1280), ("light", ColorScheme.Light, 1280), ("narrow", ColorScheme.Dark, 360)];

    /// <summary>Each screen at a place that shows much, and what is waited for.</summary>
    private static readonly Dictionary<string, (string Place, string Wait)> s_screens = new()
    {
        ["topology"] = ($"topology?of={Uri.EscapeDataString($"device:{Scene.Nesting}")}", "IOAS 11"),
        ["walk"] = ($"walk?device={Scene.Nesting}&address=0x5000&step=5", "stage 1, level 1"),
        ["walk-refused"] = ($"walk?device={Scene.Nesting}&address=0x4000&step=all", "SFS.2"),
    };

    public static TheoryData<string> Screens => [.. s_screens.Keys];

    [Theory]
    [MemberData(nameof(Screens))]
    public async Task A_screen_looks_as_on_its_pictures(string screen)
    {
        (string place, string wait) = s_screens[screen];
        await using Scene scene = await bench.Start();
        foreach ((string name, ColorScheme scheme, int width) in s_looks)
        {
            IPage page = await scene.Open(place, scheme, width);
            await Expect(page.GetByRole(AriaRole.Status).First).ToHaveTextAsync("live");
            await Expect(page.Locator(".what")).ToContainTextAsync("web_scene");
            await page.GetByText(wait).First.WaitForAsync();
            await Picture.MustBe(bench, scene, page, $"{screen}-{name}");
        }

        scene.MustBeContent();
    }
}
