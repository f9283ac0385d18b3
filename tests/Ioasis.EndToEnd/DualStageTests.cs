namespace Ioasis.EndToEnd;

/// <summary>
/// The program that docs/dual-stage.md explains: it checks everything itself, and prints what is shown there.
/// </summary>
public sealed class DualStageTests(Workbench bench)
{
    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task A_guest_s_tables_translate_what_its_host_maps(Who who)
    {
        string program = Path.Combine(await bench.Scratch(who), "nested_dma");
        string build = $"gcc -O2 -Wall -Wextra "
            + $"-Werror $('{bench.Root}/eng/uapi-headers.sh') '{bench.Root}/examples/nested_dma.c' -o '{program}'";
        (await Execution.Run(["sh", "-c", build])).MustEnd();
        Ending ending = (await Execution.Run(bench.UnderIoasis(who, [], program))).MustEnd();
        string page = await File.ReadAllTextAsync(Path.Combine(bench.Root, "docs/dual-stage.md"),
            TestContext.Current.CancellationToken);
        Assert.Contains(ending.Output.Trim(), page, StringComparison.Ordinal);
    }
}
