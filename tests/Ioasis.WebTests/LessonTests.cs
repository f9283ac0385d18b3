using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace Ioasis.WebTests;

/// <summary>Lessons, by keys alone: each goes to its end, and its numbers are those of its machine.</summary>
public sealed partial class LessonTests(WebBench bench)
{
    private static readonly string[] s_names = ["dma", "nested", "sva", "mdev", "vdpa", "consumers"];

    public static TheoryData<string> Lessons => [.. s_names];

    [Theory]
    [MemberData(nameof(Lessons))]
    public async Task A_lesson_goes_to_its_end_by_keys_and_shows_its_machines_numbers(string name)
    {
        await using Scene scene = await Scene.Show(bench, "lessons");
        IPage page = await scene.Open("lessons");
        await Begin(page, name);
        int steps = await page.Locator(".steps li").CountAsync();
        Assert.InRange(steps, 5, 12);
        for (int done = 1; done <= steps; done++)
        {
            await page.Keyboard.PressAsync(done % 2 == 0 ? "Enter" : "Space");
            await Assertions.Expect(page.Locator(".steps li.done")).ToHaveCountAsync(done);
            await Assertions.Expect(page.Locator(".result h3")).ToContainTextAsync($"Step {done}:");
            await MustBeOfTheMachine(page);
        }

        // the key that went on leads out
        await Assertions.Expect(page.Locator("button.main")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.PressAsync("Enter"); // back to the start
        await Assertions.Expect(page.GetByText($"0 of {steps} steps are done.")).ToBeVisibleAsync();
        scene.MustBeContent();
    }

    [Fact]
    public async Task Other_screens_show_the_lessons_machine_and_the_list_shows_that_of_before()
    {
        await using Scene scene = await Scene.Show(bench, "lessons");
        IPage page = await scene.Open("lessons");
        await Begin(page, "dma");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator(".steps li.done")).ToHaveCountAsync(1);
        await page.GetByRole(AriaRole.Link, new() { Name = "Step through it on the screen Walk" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page).ToHaveURLAsync(new Regex("machine=dma-1#/walk\\?.*device=1000%3A00%3A04.0"));
        await Assertions.Expect(page.Locator(".what")).ToHaveTextAsync("lesson: Map, DMA, fault");
        await page.Keyboard.PressAsync("6");
        await Assertions.Expect(page.Locator(".steps li.done")).ToHaveCountAsync(1);
        await page.GetByRole(AriaRole.Button, new() { Name = "Leave" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator(".cards li")).ToHaveCountAsync(s_names.Length);
        await Assertions.Expect(page.Locator(".what")).ToHaveTextAsync("lessons: none begun");
    }

    [Fact]
    public async Task What_is_still_asked_of_a_lesson_that_is_left_is_no_error()
    {
        await using Scene scene = await Scene.Show(bench, "lessons");
        IPage page = await scene.Open("lessons");
        await Begin(page, "dma");
        TaskCompletionSource<IRequest> asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource isLeft = new(TaskCreationOptions.RunContinuationsAsynchronously),
            ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await page.RouteAsync("**/api/state*", async question =>
        {
            asked.TrySetResult(question.Request);
            await isLeft.Task;
            await question.ContinueAsync();
        });
        await page.RouteAsync("**/api/lesson/leave*", async leaving =>
        {
            IAPIResponse answer = await leaving.FetchAsync();
            isLeft.SetResult();
            await ended.Task;
            await leaving.FulfillAsync(new() { Response = answer }); // the page is another from here on
        });
        page.RequestFinished += (_, request) => End(request);
        page.RequestFailed += (_, request) => End(request);
        await page.Keyboard.PressAsync("Enter"); // which changes the state
        await asked.Task;
        await page.GetByRole(AriaRole.Button, new() { Name = "Leave" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator(".cards li")).ToHaveCountAsync(s_names.Length);
        scene.MustBeContent();

        void End(IRequest request)
        {
            if (asked.Task.IsCompletedSuccessfully && request == asked.Task.Result) ended.TrySetResult();
        }
    }

    [Theory]
    [InlineData(ColorScheme.Light, 360)]
    [InlineData(ColorScheme.Dark, 360)]
    [InlineData(ColorScheme.Light, 1280)]
    [InlineData(ColorScheme.Dark, 3840)]
    public async Task A_lesson_has_no_violations_and_nothing_is_cut(ColorScheme scheme, int width)
    {
        await using Scene scene = await Scene.Show(bench, "lessons");
        foreach (string name in s_names)
        {
            IPage page = await scene.Open("lessons", scheme, width);
            await Begin(page, name);
            int steps = await page.Locator(".steps li").CountAsync();
            for (int done = 0; done <= steps; done++)
            {
                await Assertions.Expect(page.Locator(".steps li.done")).ToHaveCountAsync(done);
                await MustFit(page, width);
                if (done == 0 || done == steps - 1 || done == steps) await MustHaveNoViolation(page);
                if (done < steps) await page.Keyboard.PressAsync("Enter");
            }

            await page.CloseAsync();
        }

        scene.MustBeContent();
    }

    private static async Task Begin(IPage page, string name)
    {
        await page.Locator($".cards li:nth-child({Array.IndexOf(s_names, name) + 1}) button").FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator("button.main")).ToBeFocusedAsync();
    }

    /// <summary>Each IOAS, HWPT and PASID that the picture names is in the machine's state.</summary>
    private static async Task MustBeOfTheMachine(IPage page)
    {
        string text = await page.EvaluateAsync<string>("""
            async () => {
              const words = new URLSearchParams(location.search);
              const answer = await fetch(`api/state?machine=${words.get("machine")}`,
                { headers: { Authorization: `Bearer ${words.get("t")}` } });
              return await answer.text();
            }
            """);
        JsonNode state = JsonNode.Parse(text)!;
        JsonNode?[] objects = [.. state["contexts"]!.AsArray().SelectMany(c => c!["objects"]!.AsArray())];
        HashSet<string> there =
        [
            .. objects.Select(o => ((string?)o!["kind"] == "ioas" ? "IOAS " : "HWPT ") + o["id"]),
            .. state["devices"]!.AsArray().SelectMany(d => d!["attachments"]!.AsArray())
                .Where(a => a!["pasid"] is not null).Select(a => $"PASID {a!["pasid"]}: HWPT {a["hwpt"]}"),
        ];
        string picture = string.Join('\n', await page.Locator(".diagram .box text").AllTextContentsAsync());
        foreach (Match named in Named().Matches(picture)) Assert.Contains(named.Value, there);
        HashSet<string> maps =
            [.. objects.Where(o => o!["maps"] is not null).SelectMany(o => o!["maps"]!.AsArray())
                .Select(m => $"{m!["first"]} -> HVA {m["address"]}")];
        foreach (Match mapped in Mapped().Matches(picture)) Assert.Contains(mapped.Groups[1].Value, maps);
    }

    private static async Task MustFit(IPage page, int width)
    {
        Assert.Equal(width, await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth"));
        // texts of the picture lie in their boxes, and boxes beside one another
        string[] wrong = await page.EvaluateAsync<string[]>("""
            () => [...document.querySelectorAll(".diagram .box")].flatMap((box) => {
              const frame = box.querySelector("rect").getBoundingClientRect();
              return [...box.querySelectorAll("text")].filter((text) => {
                const at = text.getBoundingClientRect();
                return at.right > frame.right + 1 || at.bottom > frame.bottom + 1 || at.left < frame.left;
              }).map((text) => `${text.textContent} leaves its box`);
            })
            """);
        Assert.Empty(wrong);
        string[] overlaps = await page.EvaluateAsync<string[]>("""
            () => {
              const texts = [...document.querySelectorAll(".diagram text")].filter((t) => t.textContent.trim());
              const rects = texts.map((t) => t.getBoundingClientRect());
              const found = [];
              rects.forEach((a, i) => rects.slice(i + 1).forEach((b, j) => {
                const isOver = a.left < b.right - 1 && b.left < a.right - 1
                  && a.top < b.bottom - 4 && b.top < a.bottom - 4;
                if (isOver) found.push(`"${texts[i].textContent}" over "${texts[i + 1 + j].textContent}"`);
              }));
              return found;
            }
            """);
        Assert.Empty(overlaps);
    }

    private static async Task MustHaveNoViolation(IPage page)
    {
        AxeResult result = await page.RunAxe();
        Assert.True(result.Violations.Length == 0, string.Join("\n",
            result.Violations.Select(v => $"{v.Id}: {v.Help}: {string.Join(", ", v.Nodes.Select(n => n.Html))}")));
    }

    [GeneratedRegex(@"PASID \d+: HWPT \d+|(IOAS|HWPT) \d+")]
    private static partial Regex Named();

    [GeneratedRegex(@"IOVA (0x\w+ -> HVA 0x\w+)")]
    private static partial Regex Mapped();
}
