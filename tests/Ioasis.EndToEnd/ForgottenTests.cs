namespace Ioasis.EndToEnd;

/// <summary>
/// Drivers that are right, from which one line is taken: <c>run --check</c> finds what they forgot, and the report has
/// the line of source that made what was forgotten.
/// </summary>
public sealed class ForgottenTests(Workbench bench)
{
    private const string Nvme = "0000:08:00.0";

    [Fact]
    public async Task An_invalidation()
    {
        const string Invalidation = "TRY(ioctl(iommu, IOMMU_HWPT_INVALIDATE, &invalidate));";
        string source = Path.Combine(bench.Root, "examples/nested_dma.c");
        // What the program refuses on purpose is not what is looked for.
        const string Options = "dma-unmapped=0:dma-no-permission=0:dma-after-unmap=0:bad-first-stage=0";
        string[] right = await Build(source, "", ""), forgot = await Build(source, Invalidation, "(void)invalidate;");
        (await Check(Options, [], right)).MustEnd();
        Ending ending = (await Check(Options, [], forgot)).MustEnd(1).MustSay("and is, once it was invalidated");
        Assert.Matches(
            @"(?m)^==[0-9]+==ERROR: Ioasis: stale-translation: read at IOVA 0x1000 by 1000:00:04\.0 .*nested",
            ending.Error);
        Assert.Matches(@"(?m)^==[0-9]+==Ioasis: 1 finding$", ending.Error);
    }

    /// <summary>The driver ends with an unmap while its controller runs, and expects the controller to fail.</summary>
    [Fact]
    public async Task A_drain_before_an_unmap()
    {
        string source = Path.Combine(bench.Root, "tests/Clients/nvme_rw.c");
        Ending ending = (await CheckNvme("dma-unmapped=0", await Build(source, "", ""))).MustEnd(99)
            .MustSay("nvme_rw: all as it must be");
        Assert.Matches(@"(?m)^==[0-9]+==ERROR: Ioasis: dma-after-unmap: read at IOVA 0x100", ending.Error);
        foreach (string mark in (string[])["must(map_at(", "unmap(iommu, ioas, IOVA, 64 * PAGE)"])
            Assert.Contains($"in main {source}:{LineOf(source, mark)}\n", ending.Error, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^==[0-9]+==Ioasis: 1 finding$", ending.Error);
    }

    [Fact]
    public async Task An_unmap()
    {
        string source = Path.Combine(bench.Root, "tests/Clients/nvme_rw.c");
        string text = await File.ReadAllTextAsync(source, TestContext.Current.CancellationToken);
        // What follows would wait for the controller to fail.
        string[] forgot = await Build(source,
            text[At("expect_eq(unmap(iommu, ioas, IOVA")..At("printf(\"nvme_rw: all")], "");
        Ending ending = (await CheckNvme("dma-unmapped=0:leak=1", forgot)).MustEnd(99)
            .MustSay("nvme_rw: all as it must be");
        Assert.Matches(@"(?m)^==[0-9]+==ERROR: Ioasis: leak: 1 thing was left", ending.Error);
        Assert.Contains("its memory at IOVA 0x10000000 mapped by thread ", ending.Error, StringComparison.Ordinal);
        Assert.Contains($"in main {source}:{LineOf(source, "must(map_at(")}\n", ending.Error, StringComparison.Ordinal);

        int At(string words) => text.IndexOf(words, StringComparison.Ordinal);
    }

    private async Task<Ending> CheckNvme(string options, string[] program)
    {
        string disk = Path.Combine(await bench.Scratch(Who.Self), "disk.img");
        return await Check(options, ["--device", $"nvme@{Nvme},file={disk},size=8M"], [.. program, Nvme, "pio"]);
    }

    private Task<Ending> Check(string options, string[] devices, string[] program) => Execution.Run(
        [bench.Launcher(Who.Self), "run", "--check", .. devices.Length == 0 ? ["--device", "dmatest"] : devices, "--",
            .. program], new Dictionary<string, string> { ["IOASIS_CHECK"] = options });

    /// <summary>Builds a program from a source with a part replaced. The lines keep their numbers.</summary>
    private async Task<string[]> Build(string source, string part, string by)
    {
        string folder = await bench.Scratch(Who.Self), copy = Path.Combine(folder, "copy.c");
        string program = Path.Combine(folder, "program");
        string text = await File.ReadAllTextAsync(source, TestContext.Current.CancellationToken);
        if (part.Length != 0)
        {
            Assert.Contains(part, text, StringComparison.Ordinal);
            text = text.Replace(part, by + new string('\n', part.Count(c => c == '\n')), StringComparison.Ordinal);
        }

        await File.WriteAllTextAsync(copy, $"#line 1 \"{source}\"\n{text}", TestContext.Current.CancellationToken);
        (await Execution.Run(["sh", "-c", $"gcc -g -O0 -D_GNU_SOURCE -I '{bench.Root}/include' "
            + $"-I '{bench.Root}/tests/Clients' $('{bench.Root}/eng/uapi-headers.sh') '{copy}' -o '{program}' "
            + "-lpthread"])).MustEnd();
        return [program];
    }

    private static int LineOf(string source, string mark) =>
        Array.FindIndex(File.ReadAllLines(source), l => l.Contains(mark, StringComparison.Ordinal)) + 1;
}
