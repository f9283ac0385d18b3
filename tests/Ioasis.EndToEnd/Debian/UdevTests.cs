namespace Ioasis.EndToEnd.Debian;

/// <summary>udev's library finds our devices: what udevadm says, and what pyudev lists.</summary>
[Collection(nameof(DebianBench))]
public sealed class UdevTests(DebianBench debian)
{
    private const string Bdf = "0000:0b:00.0", Device = $"ioat@{Bdf}";

    [Theory]
    [InlineData("bookworm")]
    [InlineData("trixie")]
    public async Task Udevadm_knows_a_function_and_its_node(string suite)
    {
        (await debian.Run(suite, Device, "udevadm", ["info", "-p", $"/sys/bus/pci/devices/{Bdf}"]))
            .MustEnd().MustSay($"E: PCI_SLOT_NAME={Bdf}", "E: PCI_ID=8086:2021", "E: DRIVER=vfio-pci",
                "E: SUBSYSTEM=pci");
        (await debian.Run(suite, Device, "udevadm", ["info", "-a", "-p", $"/sys/bus/pci/devices/{Bdf}"]))
            .MustEnd().MustSay($"KERNEL==\"{Bdf}\"", "ATTR{vendor}==\"0x8086\"");
    }

    [Theory]
    [InlineData("bookworm")]
    [InlineData("trixie")]
    public async Task Pyudev_lists_a_function_and_its_node(string suite)
    {
        const string Program = $"""
            import pyudev
            context = pyudev.Context()
            function = pyudev.Devices.from_path(context, '/sys/bus/pci/devices/{Bdf}')
            print(function.subsystem, function.driver, function.attributes.asstring('device'))
            assert '{Bdf}' in [one.sys_name for one in context.list_devices(subsystem='pci')]
            node, = [one for one in context.list_devices(subsystem='vfio-dev') if one.parent == function]
            print(node.device_node, pyudev.Devices.from_device_file(context, node.device_node) == node)
            """;
        (await debian.Run(suite, Device, "python3", ["-c", Program]))
            .MustEnd().MustSay("pci vfio-pci 0x2021", "/dev/vfio/devices/vfio", "True");
    }
}
