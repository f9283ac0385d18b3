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

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public Task Attributes_are_written_as_on_Linux(Who who) => Script(who, """
        device=/sys/bus/pci/devices/$dmatest
        is() { [ "$(cat $device/$1)" = "$2" ] || fail "$1 is $(cat $device/$1), not $2"; }
        for name in reset local_cpus local_cpulist power/control msi_bus dma_mask_bits power_state ari_enabled \
            max_link_speed; do
            [ -e $device/$name ] || fail "there is no $name"
        done
        [ "$(stat -c %a $device/driver_override)" = 644 ] && [ "$(stat -c %a $device/reset)" = 200 ] || fail modes
        is driver_override "(null)"
        echo vfio-pci > $device/driver_override
        is driver_override vfio-pci
        printf '\000' > $device/driver_override
        is driver_override "(null)"
        printf on >> $device/power/control
        is power/control on
        (for method in bus pm; do echo $method; done) > $device/reset_method # two writes, none of which is stopped
        is reset_method pm
        echo default > $device/reset_method
        is reset_method "flr pm bus"
        echo 1 > $device/reset || fail reset
        ! cat $device/reset 2>/dev/null || fail "reset is read"
        """);

    /// <summary>As dpdk-devbind.py and driverctl do it, and set-up scripts by hand.</summary>
    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public Task Functions_are_unbound_and_bound(Who who) => Script(who, """
        device=/sys/bus/pci/devices/$dmatest driver=/sys/bus/pci/drivers/vfio-pci
        group=$(basename $(readlink $device/iommu_group)) node=$(ls $device/vfio-dev)
        bound() {
            [ -e $device/driver ] && [ -e $driver/$dmatest ] &&
                [ -c /dev/vfio/$group ] && [ -c /dev/vfio/devices/$node ]
        }
        unbound() {
            [ ! -e $device/driver ] && [ ! -e $driver/$dmatest ] &&
                [ ! -e /dev/vfio/$group ] && [ ! -e /dev/vfio/devices/$node ]
        }
        bound || fail "bound at first"

        echo $dmatest > $device/driver/unbind
        unbound && [ -e $device/vendor ] && ! grep -q DRIVER $device/uevent || fail unbind
        printf %s vfio-pci > $device/driver_override
        printf %s $dmatest >> $driver/bind
        printf '\000' > $device/driver_override
        bound && grep -q DRIVER=vfio-pci $device/uevent || fail bind

        printf %s $dmatest >> $driver/unbind
        echo pci-stub > $device/driver_override
        echo $dmatest > /sys/bus/pci/drivers_probe
        unbound || fail "another driver's"
        echo > $device/driver_override
        echo $dmatest > /sys/bus/pci/drivers_probe
        bound || fail drivers_probe

        echo $dmatest > $driver/unbind
        echo "$(sed s/0x// $device/vendor) $(sed s/0x// $device/device)" > $driver/new_id
        bound || fail new_id

        echo 1 > $device/remove
        [ ! -e $device ] && [ ! -e /dev/vfio/$group ] || fail remove
        echo 1 > /sys/bus/pci/rescan
        bound || fail rescan
        """);

    /// <summary>The errnos of Linux 7.2, measured behind an intel-iommu, and those of its source.</summary>
    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public Task The_type_of_a_group_is_changed_as_on_Linux(Who who) => Script(who, """
        group=/sys/kernel/iommu_groups/$(basename $(readlink /sys/bus/pci/devices/$edu/iommu_group))
        [ "$(stat -c %a $group/type)" = 644 ] && [ "$(cat $group/type)" = DMA ] || fail "type is $(cat $group/type)"
        [ "$(cat $group/reserved_regions)" = "0x00000000fee00000 0x00000000feefffff msi" ] || fail reserved_regions
        python3 - $group/type /dev/vfio/devices/$(ls /sys/bus/pci/devices/$edu/vfio-dev) <<'END' || fail type
        import errno, fcntl, os, struct, sys
        def write(text):
            try:
                file = os.open(sys.argv[1], os.O_WRONLY)
                try: return "ok" if os.write(file, text) == len(text) else "short"
                finally: os.close(file)
            except OSError as e:
                return errno.errorcode[e.errno]
        def expect(text, answer, then):
            came, now = write(text), open(sys.argv[1]).read()
            if (came, now) != (answer, then + "\n"): sys.exit(f"{text}: {came}, {now}, not {answer}, {then}")
        status = dict(line.split(":\t") for line in open("/proc/self/status") if ":\t" in line)
        if int(status["CapEff"], 16) & (1 << 21 | 1 << 17) != (1 << 21 | 1 << 17):
            for text in b"identity\n", b"DMA", b"junk": expect(text, "EACCES", "DMA")
            sys.exit(0)
        words = "identity", "DMA", "DMA-FQ", "auto"
        for word in words:
            for then in words:
                expect(word.encode() + b"\n", "ok", word.replace("auto", "DMA"))
                expect(then.encode() + b"\n", "ok", then.replace("auto", "DMA"))
        expect(b"DMA", "ok", "DMA")
        for text in b"junk", b"Identity\n", b"identity ", b"blocked", b"a longer text\n", b"\n":
            expect(text, "EINVAL", "DMA")
        iommu, device = os.open("/dev/iommu", os.O_RDWR), os.open(sys.argv[2], os.O_RDWR)
        fcntl.ioctl(device, ord(";") << 8 | 118, bytearray(struct.pack("IIiI", 16, 0, iommu, 0)))
        expect(b"identity\n", "EPERM", "DMA")
        expect(b"auto", "EPERM", "DMA")
        expect(b"junk", "EINVAL", "DMA")
        expect(b"DMA-FQ", "ok", "DMA-FQ")
        expect(b"DMA", "EPERM", "DMA-FQ")
        os.close(device)
        expect(b"DMA", "ok", "DMA")
        END
        """);

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public Task Device_numbers_are_listed(Who who) => Script(who, """
        grep -Eqx ' *511 vfio-dev' /proc/devices && grep -Eqx ' *510 vfio' /proc/devices || fail devices
        grep -qx 'Character devices:' /proc/devices && grep -Eqx ' *1 mem' /proc/devices &&
            grep -qx 'Block devices:' /proc/devices || fail "the host's devices"
        for name in iommu vfio sva; do
            minor=$(cut -d : -f 2 /sys/class/misc/$name/dev)
            [ "$(awk -v name=$name '$2 == name { print $1 }' /proc/misc)" = $minor ] || fail $name
        done
        [ $(wc -l < /proc/misc) -gt 3 ] || fail "the host's misc"
        """);

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public Task Regions_are_there_and_not_mapped(Who who) => Script(who, """
        device=/sys/bus/pci/devices/$dmatest
        [ "$(stat -c '%a %s' $device/resource0)" = "600 4096" ] ||
            fail "resource0 is $(stat -c '%a %s' $device/resource0)"
        [ -z "$(cat $device/resource0)" ] || fail bytes
        python3 - $device/resource0 <<'END' || fail mmap
        import errno, mmap, os, sys
        file = os.open(sys.argv[1], os.O_RDWR | os.O_SYNC)
        try:
            mmap.mmap(file, 4096)
        except OSError as e:
            sys.exit(e.errno != errno.EINVAL)
        sys.exit(1)
        END
        admin=$((0x$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status) >> 21 & 1))
        [ $(wc -c < $device/config) = $((admin ? 4096 : 64)) ] || fail "config has $(wc -c < $device/config) bytes"
        """);

    private async Task Script(Who who, string script)
    {
        string text = $$"""
            fail() { echo "not as it must be: $1"; exit 1; }
            edu={{Machine.Edu}} dmatest={{Machine.DmaTest}}
            cd {{await bench.Scratch(who)}}
            {{script}}
            echo all as it must be
            """;
        (await Execution.Run(bench.UnderIoasis(who, Machine.Devices, "sh", "-c", text)))
            .MustEnd().MustSay("all as it must be");
    }
}
