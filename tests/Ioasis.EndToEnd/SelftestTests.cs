using System.Globalization;

namespace Ioasis.EndToEnd;

/// <summary>Linux's own selftests of VFIO, compared test by test with what they give on real Linux 7.2.</summary>
[Collection(nameof(HugePages))]
public sealed class SelftestTests(Workbench bench)
{
    private static readonly string[] s_containerModes =
        ["vfio_type1_iommu", "vfio_type1v2_iommu", "iommufd_compat_type1", "iommufd_compat_type1v2"];
    private static readonly string[] s_iommufdModes =
        ["iommufd_anonymous", "iommufd_anonymous_hugetlb_2mb", "iommufd_anonymous_hugetlb_1gb"];

    [Theory]
    [InlineData(Who.Self, Machine.Edu)]
    [InlineData(Who.Nobody, Machine.Edu)]
    [InlineData(Who.Nobody, Machine.DmaTest)]
    public async Task Iommufd_setup(Who who, string bdf)
    {
        string[] tests = ["bind", "get_info_without_bind_fails", "bind_bad_iommufd_fails", "repeated_bind_fails",
            "attach_detatch_pt", "attach_invalid_pt_fails"];
        await Compare(who, "vfio_iommufd_setup_test", [bdf],
            tests.ToDictionary(test => $"vfio_cdev.{test}", _ => TapResult.Passed));
    }

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Pci_device_with_edu(Who who) => await Compare(who, "vfio_pci_device_test", [Machine.Edu], new()
    {
        ["vfio_pci_device_test.config_space_read_write"] = TapResult.Passed,
        ["vfio_pci_device_test.validate_bars"] = TapResult.Passed,
        // on Linux a root bus cannot reset QEMU's edu; ours can be reset
        ["vfio_pci_device_test.reset"] = TapResult.Passed,
        ["vfio_pci_irq_test.msi.enable_trigger_disable"] = TapResult.Passed,
        ["vfio_pci_irq_test.msix.enable_trigger_disable"] = TapResult.Skipped, // nor has it MSI-X
    });

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Pci_device_with_dmatest(Who who) =>
        await Compare(who, "vfio_pci_device_test", [Machine.DmaTest], new()
        {
            ["vfio_pci_device_test.config_space_read_write"] = TapResult.Passed,
            ["vfio_pci_device_test.validate_bars"] = TapResult.Passed,
            ["vfio_pci_device_test.reset"] = TapResult.Passed,
            ["vfio_pci_irq_test.msi.enable_trigger_disable"] = TapResult.Passed,
            ["vfio_pci_irq_test.msix.enable_trigger_disable"] = TapResult.Passed,
        });

    [Theory]
    [InlineData(Who.Self, Machine.Edu)]
    [InlineData(Who.Nobody, Machine.DmaTest)]
    public async Task Dma_mapping_in_the_iommufd_modes(Who who, string bdf)
    {
        Dictionary<string, TapResult> expected =
            s_iommufdModes.ToDictionary(mode => $"vfio_dma_mapping_test.{mode}.dma_map_unmap", _ => TapResult.Passed);
        foreach (string test in (string[])["unmap_range", "unmap_all", "overflow"])
            expected[$"vfio_dma_map_limit_test.iommufd.{test}"] = TapResult.Passed;
        string[] variants = [.. s_iommufdModes.Append("iommufd").SelectMany(variant => new[] { "-v", variant })];
        await Compare(who, "vfio_dma_mapping_test", [.. variants, bdf], expected);
    }

    [Theory]
    [InlineData(Who.Self, Machine.Edu)]
    [InlineData(Who.Nobody, Machine.DmaTest)]
    public async Task Dma_mapping_with_the_container_of_a_group(Who who, string bdf)
    {
        Dictionary<string, TapResult> expected = [];
        List<string> variants = [];
        foreach (string mode in s_containerModes)
        {
            string[] sizes = [.. ((string[])["anonymous", "anonymous_hugetlb_2mb", "anonymous_hugetlb_1gb"])
                .Select(size => $"{mode}_{size}")];
            foreach (string size in sizes) expected[$"vfio_dma_mapping_test.{size}.dma_map_unmap"] = TapResult.Passed;
            foreach (string test in (string[])["unmap_range", "unmap_all", "overflow"])
                expected[$"vfio_dma_map_limit_test.{mode}.{test}"] = TapResult.Passed;
            variants.AddRange([.. sizes.Append(mode).SelectMany(variant => new[] { "-v", variant })]);
        }

        await Compare(who, "vfio_dma_mapping_test", [.. variants, bdf], expected);
    }

    /// <summary>What only VFIO's own containers do: a device's memory is mapped for devices.</summary>
    [Theory]
    [InlineData(Who.Self, Machine.Edu)]
    [InlineData(Who.Nobody, Machine.DmaTest)]
    public async Task Dma_mapping_of_a_BAR(Who who, string bdf)
    {
        string[] modes = [.. s_containerModes, "iommufd"];
        Dictionary<string, TapResult> expected = [];
        foreach (string mode in modes)
        {
            expected[$"vfio_dma_mapping_mmio_test.{mode}.map_full_bar"] = TapResult.Passed;
            // of one page
            expected[$"vfio_dma_mapping_mmio_test.{mode}.map_partial_bar"] =
                bdf == Machine.Edu ? TapResult.Passed : TapResult.Skipped;
            expected[$"vfio_dma_mapping_mmio_test.{mode}.map_bar_misaligned"] = TapResult.Passed;
        }

        await Compare(who, "vfio_dma_mapping_mmio_test",
            [.. modes.SelectMany(mode => new[] { "-v", mode }), bdf], expected);
    }

    /// <summary>
    /// It makes a virtual function by writing to sysfs, and opens it with the right token, another and none. (On Linux
    /// in QEMU its NVMe has such functions, but they do not survive the reset that each open of the physical one is;
    /// the order of checks is from Linux's source.)
    /// </summary>
    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Sriov_and_its_tokens(Who who)
    {
        string[] tests = ["init_token_match", "pf_early_close", "override_token"];
        MustBe(
            await Execution.Run(bench.UnderIoasis(
                who, Machine.SriovDevices, [Path.Combine(bench.Selftests, "vfio_pci_sriov_uapi_test"), Machine.Sriov])),
            (from mode in s_containerModes.Append("iommufd")
             from token in (string[])["same_uuid", "diff_uuid", "null_uuid"]
             from test in tests
             select $"vfio_pci_sriov_uapi_test.{mode}_{token}.{test}")
             .ToDictionary(name => name, _ => TapResult.Passed));
    }

    /// <summary>Linux's driver for DSA, whose registers it reaches by calls: see eng/selftests.</summary>
    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Driver_of_dsa(Who who)
    {
        const string Dsa = "0000:08:00.0";
        string description = $$"""
            {
              "devices": [{
                "model": "dsa", "address": "{{Dsa}}", "properties": { "maxTransferLog2": 21, "maxBatchLog2": 5 }
              }]
            }
            """;
        await CompareDriver(who, "vfio_pci_driver_calls_test", Dsa, description);
    }

    /// <summary>
    /// Linux's driver for I/OAT, with its registers mapped, and by calls. It starts a channel that has halted and at
    /// once looks whether it has, which a mapping cannot answer: see docs/devices/ioat.md.
    /// </summary>
    [Theory]
    [InlineData(Who.Self, "vfio_pci_driver_test", false)]
    [InlineData(Who.Nobody, "vfio_pci_driver_test", false)]
    [InlineData(Who.Self, "vfio_pci_driver_calls_test", true)]
    public async Task Driver_of_ioat(Who who, string program, bool halts)
    {
        const string Ioat = "0000:08:00.0";
        string halt = halts ? "true" : "false";
        await CompareDriver(who, program, Ioat, $$"""
            { "devices": [{ "model": "ioat", "address": "{{Ioat}}", "properties": { "haltOnFault": {{halt}} } }] }
            """);
    }

    /// <summary>It maps 1 GiB: who may not pin that fails as on Linux.</summary>
    private async Task CompareDriver(Who who, string program, string bdf, string description)
    {
        string machine = Path.Combine(await bench.Scratch(who), "machine.json");
        await File.WriteAllTextAsync(machine, description, TestContext.Current.CancellationToken);
        string[] modes = [.. s_containerModes, "iommufd"];
        string[] tests = ["init_remove", "memcpy_success", "memcpy_from_unmapped_iova", "memcpy_to_unmapped_iova",
            "send_msi", "mix_and_match", "memcpy_storm"];
        // in KiB
        string limit = (await Execution.Run([.. Workbench.As(who), "sh", "-c", "ulimit -l"])).MustEnd().Output.Trim();
        bool mayPin = (who == Who.Self && Environment.IsPrivilegedProcess) || limit == "unlimited"
            || long.Parse(limit, CultureInfo.InvariantCulture) > 1 << 21;
        MustBe(
            await Execution.Run([
                .. Workbench.As(who), bench.Launcher(who), "run", "--machine", machine, "--",
                Path.Combine(bench.Selftests, program), .. modes.SelectMany(mode => new[] { "-v", mode }), bdf,
            ]),
            modes.SelectMany(mode => tests.Select(test => $"vfio_pci_driver_test.{mode}.{test}"))
                .ToDictionary(name => name, _ => mayPin ? TapResult.Passed : TapResult.Failed),
            mayPin ? 0 : 1);
    }

    private async Task Compare(Who who, string program, string[] arguments, Dictionary<string, TapResult> expected) =>
        MustBe(await Execution.Run(
            bench.UnderIoasis(who, Machine.Devices, [Path.Combine(bench.Selftests, program), .. arguments])), expected);

    private static void MustBe(Ending ending, Dictionary<string, TapResult> expected, int code = 0)
    {
        Dictionary<string, TapResult> came = [];
        foreach ((string name, TapResult result, string why) in TapOutput.Parse(ending.Output))
        {
            // The machine's, not ours: it has no such pages to give. The same test then is skipped on Linux.
            bool hasNoPages = result == TapResult.Skipped && name.Contains("hugetlb", StringComparison.Ordinal)
                && why.Contains("mmap() failed", StringComparison.Ordinal);
            came[name] = hasNoPages ? TapResult.Passed : result;
        }

        foreach ((string name, TapResult result) in expected)
            Assert.True(came.TryGetValue(name, out TapResult found)
                && found == result, $"expected {name}: {result}, came {ending}");
        Assert.True(came.Count == expected.Count, $"expected {expected.Count} tests, came {ending}");
        ending.MustEnd(code);
    }
}
