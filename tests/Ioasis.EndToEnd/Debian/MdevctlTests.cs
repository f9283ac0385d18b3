namespace Ioasis.EndToEnd.Debian;

/// <summary>mdevctl finds our types, and takes an mdev from its definition to its end.</summary>
[Collection(nameof(DebianBench))]
public sealed class MdevctlTests(DebianBench debian)
{
    private const string Uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001";

    [Fact]
    public async Task Mdevctl_defines_starts_lists_and_stops_an_mdev()
    {
        const string Script = $"""
            set -e
            mkdir -p /etc/mdevctl.d /usr/lib/mdevctl/scripts.d/callouts /usr/lib/mdevctl/scripts.d/notifiers
            mdevctl types
            mdevctl define -u {Uuid} -p mtty -t mtty-2 --auto
            mdevctl list -d
            mdevctl start -u {Uuid}
            ls /sys/bus/mdev/devices/{Uuid}/vfio-dev
            mdevctl list
            mdevctl start -u {Uuid} 2>/dev/null && echo "started twice" && exit 1
            mdevctl stop -u {Uuid}
            [ -e /sys/bus/mdev/devices/{Uuid} ] && echo "it is still there" && exit 1
            mdevctl undefine -u {Uuid}
            [ -z "$(mdevctl list -d)" ] && echo "all is gone"
            """;
        (await debian.RunScript("trixie", "mtty", "mdevctl", Script)).MustEnd().MustSay(
            "mtty-1", "Available instances: 24", "Available instances: 12", "Name: Dual port serial", "vfio2",
            $"{Uuid} mtty mtty-2 auto (defined)", "all is gone");
    }
}
