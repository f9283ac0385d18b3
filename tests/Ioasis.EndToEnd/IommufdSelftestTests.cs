using System.Globalization;

namespace Ioasis.EndToEnd;

/// <summary>
/// Linux's own selftest of iommufd on Linux's own mock IOMMU, a plug-in here, test by test against what it gives on
/// real Linux 7.2.
/// </summary>
[Collection(nameof(HugePages))]
public sealed class IommufdSelftestTests(Workbench bench, ITestOutputHelper output)
{
    // What sets IOMMU_OPTION_RLIMIT_MODE, which takes CAP_SYS_RESOURCE (24).
    private const int SysResource = 24;
    private const string Excluding = "-T global_options -F change_process";
    private const string Including = "-t global_options -f change_process";

    private static readonly string s_folder = Path.Combine(AppContext.BaseDirectory, "Selftests");

    [Fact]
    public async Task Every_test_gives_what_it_gives_on_Linux()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "The selftest takes root, on Linux too.");
        Assert.True(FreeHugePages() >= 64, $"expected 64 free huge "
            + $"pages of 2 MiB, came {FreeHugePages()}; as root: echo 64 > /proc/sys/vm/nr_hugepages");

        Dictionary<string, TapResult> linux = TapOutput.Parse(await File.ReadAllTextAsync(
                Path.Combine(s_folder, "linux-7.2-iommufd.txt"), TestContext.Current.CancellationToken))
            .ToDictionary(test => test.Name, test => test.Result);
        Dictionary<string, string> differs = (await File.ReadAllLinesAsync(
                Path.Combine(s_folder, "iommufd-differs.txt"), TestContext.Current.CancellationToken))
            .Where(line => !line.StartsWith('#'))
            .Select(line => line.Split(": ", 2)).ToDictionary(pair => pair[0], pair => pair[1]);

        // A root that lacks a capability has it in a user namespace of its own, where it then lacks others: each where
        // it can be.
        Ending[] endings = HasCapability(SysResource)
            ? [await Run([], "")]
            : [await Run([], Excluding), await Run(["unshare", "--user", "--map-root-user"], Including)];
        string said = string.Join('\n', endings.Select(ending => ending.ToString()));
        Dictionary<string, TapResult> here = endings.SelectMany(ending => TapOutput.Parse(ending.Output))
            .ToDictionary(test => test.Name, test => test.Result);

        string[] wrong = [.. linux.Where(test => !differs.ContainsKey(test.Key)
                && (!here.TryGetValue(test.Key, out TapResult came) || came != test.Value))
            .Select(test => $"{test.Key}: {test.Value} "
                + $"on Linux, {(here.TryGetValue(test.Key, out TapResult came) ? came : "nothing")} here")];
        string[] healed = [.. differs.Keys.Where(name => here.GetValueOrDefault(name) == linux[name])];
        output.WriteLine(
            $"{linux.Count} tests of Linux's: {linux.Count - wrong.Length - differs.Count} give what they give there "
            + $"({here.Count(test => test.Value == TapResult.Skipped)} "
                + $"are skipped there too), {differs.Count} are known not to, {wrong.Length} should");
        Assert.True(wrong.Length == 0, $"{string.Join('\n', wrong)}\n{said}");
        Assert.True(healed.Length == 0, $"{string.Join(", ", healed)} in iommufd-differs.txt pass");
        Assert.Equal(linux.Keys.Order(), here.Keys.Order());
    }

    private Task<Ending> Run(string[] within, string filter)
    {
        string plugin = Path.Combine(bench.Root, "artifacts/bin/Ioasis.MockIommu/release/Ioasis.MockIommu.dll");
        return Execution.Run([.. within, bench.Launcher(Who.Self), "run", "--plugin", plugin, "--",
                Path.Combine(bench.Selftests, "iommufd"),
            .. filter.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
    }

    private static bool HasCapability(int capability)
    {
        string effective = File.ReadLines("/proc/self/status")
            .Single(line => line.StartsWith("CapEff:", StringComparison.Ordinal))[7..].Trim();
        return (ulong.Parse(effective, NumberStyles.HexNumber, CultureInfo.InvariantCulture) >> capability & 1) != 0;
    }

    private static int FreeHugePages() => int.Parse(
        File.ReadAllText("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"), CultureInfo.InvariantCulture);
}

/// <summary>Tests that take the machine's huge pages, one after the other.</summary>
[CollectionDefinition(nameof(HugePages))]
public sealed class HugePages;
