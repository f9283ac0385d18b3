using System.Globalization;
using Microsoft.Playwright;

namespace Ioasis.WebTests;

/// <summary>
/// A picture of a screen beside the one that the documentation has. With IOASIS_PICTURES=1 it is written there instead.
/// </summary>
internal static class Picture
{
    private const int Largest = 150 * 1024;

    // Both pictures are made this coarse; then edges of letters do not count, and a line that moved does.
    private const int Cell = 8;

    // How far a cell's luminance may be off, of 255, and how many cells of a thousand may be further.
    private const int Tolerance = 24, MostPerMille = 5;

    /// <summary>Compares the whole page with docs/images/NAME.png, or writes it.</summary>
    /// <param name="bench">The source tree.</param>
    /// <param name="scene">What is shown. Its process ID and folder become ones that never change.</param>
    /// <param name="page">The page, which shows no times or pointers.</param>
    /// <param name="name">The picture's name.</param>
    /// <param name="unsteady">Parts that look different in each run: they are not compared.</param>
    internal static async Task MustBe(
        WebBench bench, Scene scene, IPage page, string name, params ILocator[] unsteady)
    {
        await page.EvaluateAsync("""
            ([process, folder]) => {
              const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
              while (texts.nextNode()) {
                const text = texts.currentNode;
                let told = text.data.replaceAll(`${folder}/`, "./")
                  .replaceAll(/0x7[0-9a-f]{11}\b/g, "0x7f0123456000"); // pointers
                if (process) told = told.replaceAll(new RegExp(`\\b${process}\\b`, "g"), "4242");
                if (told !== text.data) text.data = told;
              }
            }
            """, new[] { scene.Process, bench.Folder });
        List<LocatorBoundingBoxResult> boxes = [];
        foreach (ILocator one in unsteady)
            foreach (ILocator each in await one.AllAsync()) boxes.Add((await each.BoundingBoxAsync())!);
        byte[] now = await page.ScreenshotAsync(new PageScreenshotOptions
        {
            FullPage = true,
            Animations = ScreenshotAnimations.Disabled,
            Caret = ScreenshotCaret.Hide,
        });
        string file = Path.Combine(bench.Root, "docs/images", $"{name}.png");
        if (Environment.GetEnvironmentVariable("IOASIS_PICTURES") == "1")
        {
            await using IBrowserContext context = await bench.Browser.NewContextAsync();
            byte[] small = await SmallPng.Of(await context.NewPageAsync(), now);
            Assert.True(small.Length < Largest, $"{name} has {small.Length} bytes");
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            await File.WriteAllBytesAsync(file, small);
            return;
        }

        byte[] kept = await File.ReadAllBytesAsync(file);
        string[] different = await Compare(bench, kept, now, boxes);
        if (different.Length == 0) return;
        string seen = Path.Combine(Path.GetTempPath(), $"{name}-seen.png");
        await File.WriteAllBytesAsync(seen, now);
        Assert.Fail(string.Create(CultureInfo.InvariantCulture, $"{name} looks different ({seen}; with "
            + $"IOASIS_PICTURES=1 it becomes the picture): {string.Join("; ", different)}"));
    }

    /// <summary>What differs, in words; a browser reads the pictures, so that no library is needed for that.</summary>
    private static async Task<string[]> Compare(
        WebBench bench, byte[] kept, byte[] now, IEnumerable<LocatorBoundingBoxResult> boxes)
    {
        await using IBrowserContext context = await bench.Browser.NewContextAsync();
        IPage page = await context.NewPageAsync();
        return await page.EvaluateAsync<string[]>("""
            async ({ kept, now, boxes, cell, tolerance, perMille }) => {
              const read = async (text) => {
                const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${text}`)).blob());
                const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext("2d");
                context.drawImage(image, 0, 0);
                const data = context.getImageData(0, 0, image.width, image.height).data;
                const width = Math.ceil(image.width / cell);
                const cells = new Float64Array(width * Math.ceil(image.height / cell));
                for (let y = 0; y < image.height; y++) for (let x = 0; x < image.width; x++) {
                  const at = (y * image.width + x) * 4;
                  cells[Math.floor(y / cell) * width + Math.floor(x / cell)] +=
                    (.2126 * data[at] + .7152 * data[at + 1] + .0722 * data[at + 2]) / (cell * cell);
                }
                return { size: `${image.width}x${image.height}`, cells, width };
              };
              const [a, b] = [await read(kept), await read(now)];
              if (a.size !== b.size) return [`${a.size} was, ${b.size} is`];
              const isCompared = (i) => {
                const [x, y] = [i % a.width * cell, Math.floor(i / a.width) * cell];
                return boxes.every(([left, top, width, height]) =>
                  x + cell < left || x > left + width || y + cell < top || y > top + height);
              };
              const off = [...a.cells.keys()].filter(
                (i) => Math.abs(a.cells[i] - b.cells[i]) > tolerance && isCompared(i));
              if (off.length * 1000 <= a.cells.length * perMille) return [];
              return [`${off.length} of ${a.cells.length} cells`,
                ...off.slice(0, 5).map((i) => `at ${(i % a.width) * cell},${Math.floor(i / a.width) * cell}`)];
            }
            """, new
        {
            kept = Convert.ToBase64String(kept),
            now = Convert.ToBase64String(now),
            boxes = boxes.Select(b => new[] { b.X, b.Y, b.Width, b.Height }).ToArray(),
            cell = Cell,
            tolerance = Tolerance,
            perMille = MostPerMille,
        });
    }
}
