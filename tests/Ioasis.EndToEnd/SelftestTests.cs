using System.Text.RegularExpressions;

namespace Ioasis.EndToEnd;

/// <summary>Linux's own selftests of VFIO, compared test by test with what they give on real Linux 7.2.</summary>
public sealed partial class SelftestTests(Workbench bench)
{
    private enum Result
    {
        Passed,
        Skipped,
        Failed,
    }

    private static readonly string[] s_iommufdModes = ["iommufd_anonymous", "iommufd_anonymous_hugetlb_2mb", "iommufd_anonymous_hugetlb_1gb"];

    [Theory]
    [InlineData(Who.Self, Machine.Edu)]
    [InlineData(Who.Nobody, Machine.Edu)]
    [InlineData(Who.Nobody, Machine.DmaTest)]
    public async Task Iommufd_setup(Who who, string bdf)
    {
        string[] tests = ["bind", "get_info_without_bind_fails", "bind_bad_iommufd_fails", "repeated_bind_fails", "attach_detatch_pt", "attach_invalid_pt_fails"];
        await Compare(who, "vfio_iommufd_setup_test", [bdf], tests.ToDictionary(test => $"vfio_cdev.{test}", _ => Result.Passed));
    }

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Pci_device_with_edu(Who who) => await Compare(who, "vfio_pci_device_test", [Machine.Edu], new()
    {
        ["vfio_pci_device_test.config_space_read_write"] = Result.Passed,
        ["vfio_pci_device_test.validate_bars"] = Result.Passed,
        ["vfio_pci_device_test.reset"] = Result.Passed, // on Linux a root bus cannot reset QEMU's edu; ours can be reset
        ["vfio_pci_irq_test.msi.enable_trigger_disable"] = Result.Passed,
        ["vfio_pci_irq_test.msix.enable_trigger_disable"] = Result.Skipped, // nor has it MSI-X
    });

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Pci_device_with_dmatest(Who who) => await Compare(who, "vfio_pci_device_test", [Machine.DmaTest], new()
    {
        ["vfio_pci_device_test.config_space_read_write"] = Result.Passed,
        ["vfio_pci_device_test.validate_bars"] = Result.Passed,
        ["vfio_pci_device_test.reset"] = Result.Passed,
        ["vfio_pci_irq_test.msi.enable_trigger_disable"] = Result.Passed,
        ["vfio_pci_irq_test.msix.enable_trigger_disable"] = Result.Passed,
    });

    [Theory]
    [InlineData(Who.Self, Machine.Edu)]
    [InlineData(Who.Nobody, Machine.DmaTest)]
    public async Task Dma_mapping_in_the_iommufd_modes(Who who, string bdf)
    {
        Dictionary<string, Result> expected = s_iommufdModes.ToDictionary(mode => $"vfio_dma_mapping_test.{mode}.dma_map_unmap", _ => Result.Passed);
        foreach (string test in (string[])["unmap_range", "unmap_all", "overflow"])
            expected[$"vfio_dma_map_limit_test.iommufd.{test}"] = Result.Passed;
        string[] variants = [.. s_iommufdModes.Append("iommufd").SelectMany(variant => new[] { "-v", variant })];
        await Compare(who, "vfio_dma_mapping_test", [.. variants, bdf], expected);
    }

    [Theory]
    [InlineData(Who.Self, Machine.Edu)]
    [InlineData(Who.Nobody, Machine.DmaTest)]
    public async Task Dma_mapping_with_an_iommufd_as_the_container_of_a_group(Who who, string bdf)
    {
        Dictionary<string, Result> expected = [];
        List<string> variants = [];
        foreach (string mode in (string[])["iommufd_compat_type1", "iommufd_compat_type1v2"])
        {
            string[] sizes = [.. ((string[])["anonymous", "anonymous_hugetlb_2mb", "anonymous_hugetlb_1gb"]).Select(size => $"{mode}_{size}")];
            foreach (string size in sizes) expected[$"vfio_dma_mapping_test.{size}.dma_map_unmap"] = Result.Passed;
            foreach (string test in (string[])["unmap_range", "unmap_all", "overflow"])
                expected[$"vfio_dma_map_limit_test.{mode}.{test}"] = Result.Passed;
            variants.AddRange([.. sizes.Append(mode).SelectMany(variant => new[] { "-v", variant })]);
        }

        await Compare(who, "vfio_dma_mapping_test", [.. variants, bdf], expected);
    }

    private async Task Compare(Who who, string program, string[] arguments, Dictionary<string, Result> expected)
    {
        Ending ending = await Execution.Run(bench.UnderIoasis(who, Machine.Devices, [Path.Combine(bench.Selftests, program), .. arguments]));
        Dictionary<string, Result> came = [];
        foreach (Match line in TapLine().Matches(ending.Output))
        {
            string name = line.Groups["name"].Value, why = line.Groups["why"].Value;
            Result result = line.Groups["not"].Success ? Result.Failed : line.Groups["why"].Success ? Result.Skipped : Result.Passed;
            // The machine's, not ours: it has no such pages to give. The same test then is skipped on Linux.
            if (result == Result.Skipped && name.Contains("hugetlb", StringComparison.Ordinal) && why.Contains("mmap() failed", StringComparison.Ordinal))
                result = Result.Passed;
            came[name] = result;
        }
        foreach ((string name, Result result) in expected)
            Assert.True(came.TryGetValue(name, out Result found) && found == result, $"expected {name}: {result}, came {ending}");
        Assert.True(came.Count == expected.Count, $"expected {expected.Count} tests, came {ending}");
        ending.MustEnd();
    }

    [GeneratedRegex(@"^(?<not>not )?ok \d+ (?<name>\S+)(?: # SKIP (?<why>.*))?$", RegexOptions.Multiline)]
    private static partial Regex TapLine();
}
