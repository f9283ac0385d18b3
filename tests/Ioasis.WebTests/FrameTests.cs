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
}
