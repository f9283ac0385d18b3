namespace Ioasis.EndToEnd;

/// <summary>What shells and set-up scripts do in sysfs, with the host's own tools.</summary>
public sealed class SysfsTests(Workbench bench)
{
    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public Task Modules_are_seen_as_loaded(Who who) => Script(who, """
        for module in iommufd vfio vfio_iommu_type1 vfio_pci_core vfio_pci; do
            [ -d /sys/module/$module ] && [ "$(cat /sys/module/$module/initstate)" = live ] || fail "$module"
            ls /sys/module | grep -qx $module || fail "$module is not listed"
        done
        [ "$(cat /sys/module/vfio_pci/parameters/enable_sriov)" = Y ] || fail parameter
        [ "$(readlink -f /sys/bus/pci/drivers/vfio-pci/module)" = /sys/module/vfio_pci ] || fail module
        [ -d /sys/module/vfio_pci/drivers/pci:vfio-pci/$edu ] || fail driver
        """);

    private async Task Script(Who who, string script)
    {
        string text = $$"""
            fail() { echo "not as it must be: $1"; exit 1; }
            edu={{Machine.Edu}}
            cd {{await bench.Scratch(who)}}
            {{script}}
            echo all as it must be
            """;
        (await Execution.Run(bench.UnderIoasis(who, Machine.Devices, "sh", "-c", text))).MustEnd().MustSay("all as it must be");
    }
}
