namespace Ioasis.EndToEnd;

/// <summary>
/// What programs find in our directories and reach through them: unmodified C programs, shells and libudev, as whoever
/// they are and wherever they run.
/// </summary>
public sealed class PathTests(Workbench bench)
{
    private const string Others = "setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all";

    [Theory]
    [InlineData(Who.Self, "chased", "chased: all as it must be")]
    [InlineData(Who.Nobody, "chased", "chased: all as it must be")]
    [InlineData(Who.Self, "open_how", "0 differ")]
    [InlineData(Who.Nobody, "open_how", "0 differ")]
    [InlineData(Who.Self, "path_calls", "0 differ")]
    [InlineData(Who.Self, "sysfs_files", "0 differ")]
    public async Task Paths_are_answered_as_by_Linux(Who who, string program, string says) =>
        (await Execution.Run(bench.UnderIoasis(who, Machine.Devices, bench.Client(program), Machine.DmaTest)))
        .MustEnd().MustSay(says);

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task A_detour_leads_where_the_caller_may_go(Who who)
    {
        string file = await Secret(who, "666");
        (await Detours(who, [], file, "same")).MustEnd().MustSay("the same rights: ok", "detours: all as it must be");
    }

    [Theory]
    [InlineData(Others, "other")]
    [InlineData("unshare --user --map-root-user", "elsewhere")]
    public async Task No_detour_gives_more_than_the_caller_has(string becomes, string rights)
    {
        NeedsRoot();
        string file = await Secret(Who.Self, "600");
        (await Execution.Run(["chmod", "700", Path.GetDirectoryName(file)!])).MustEnd();
        (await Detours(Who.Self, becomes.Split(' '), file, rights))
            .MustEnd().MustSay("other rights: ok", "detours: all as it must be");
        Assert.Equal("text", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
        Assert.False(File.Exists(file + "-made"));
    }

    /// <summary>
    /// A program that confines itself by Landlock reaches no file outside through us. Our nodes stay open to it.
    /// </summary>
    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task No_detour_leads_out_of_a_Landlock_domain(Who who)
    {
        string file = await Secret(who, "666");
        string[] confined = [bench.Client("landlocked"), $"/usr:/bin:/lib:/lib64:/dev:/sys:/proc:{bench.Clients}"];
        (await Detours(who, confined, file, "other"))
            .MustEnd().MustSay("other rights: ok", "detours: all as it must be");
        Assert.Equal("text", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
        Assert.False(File.Exists(file + "-made"));
        (await Execution.Run(bench.UnderIoasis(
            who, Machine.Devices, [.. confined, bench.Client("dmatest_pio"), Machine.DmaTest])))
            .MustEnd().MustSay("dmatest by pread/pwrite: all as it must be");
    }

    [Theory]
    [InlineData("unshare --mount sh -c 'mount -t tmpfs none \"$0\" && exec \"$@\"' $hidden")]
    [InlineData("unshare --root $jail")]
    [InlineData("bwrap --dev-bind / / --tmpfs $hidden --")]
    [InlineData("bwrap --unshare-all --dev-bind / / --tmpfs $hidden --")]
    public async Task No_detour_leads_out_of_a_sandbox(string into)
    {
        NeedsRoot();
        string file = await Secret(Who.Self, "666"), hidden = Path.GetDirectoryName(file)!,
            jail = await bench.Scratch(Who.Self);
        // A root directory that has the program, and not the file.
        string script = $"""
            hidden={hidden} jail={jail}
            for directory in bin lib lib64 usr sys proc dev {bench.Clients}; do mkdir -p $jail/$directory; done
            mount --make-rprivate /
            for directory in bin lib lib64 usr sys proc {bench.Clients}; do
                mount --rbind /$directory $jail/$directory
            done
            exec {into.Replace("unshare --root", "chroot", StringComparison.Ordinal)} "$@"
            """;
        string[] program = ["unshare", "--mount", .. bench.UnderIoasis(
            Who.Self, Machine.Devices, "sh", "-c", script, "into", bench.Client("detours"), Machine.DmaTest,
            file, "other")];
        (await Execution.Run(program)).MustEnd().MustSay("other rights: ok", "detours: all as it must be");
        Assert.Equal("text", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
        Assert.False(File.Exists(file + "-made"));
    }

    [Fact]
    public async Task A_node_lets_in_whom_its_owner_and_mode_let_in()
    {
        NeedsRoot();
        (await Execution.Run(bench.UnderIoasis(Who.Self, Machine.Devices, bench.Client("owners"), Machine.DmaTest)))
            .MustEnd().MustSay("nodes: ok", "attributes: ok", "directories: ok", "owners: all as it must be");
    }

    [Fact]
    public async Task What_a_call_gives_back_is_its_callers_alone()
    {
        NeedsRoot();
        (await Execution.Run(bench.UnderIoasis(Who.Self, Machine.Devices, bench.Client("recycled_thread"))))
            .MustEnd().MustSay("stat: ok", "readlink: ok", "recycled_thread: all as it must be");
    }

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Shells_go_about_our_directories(Who who) => await Script(who, """
        (cd $home && read text <vendor && [ $text = 0x1234 ] && [ -d driver ]) || fail "cd"
        [ "$(cd -P /dev/vfio && pwd -P)" = /dev/vfio ] || fail "cd -P"
        [ "$(cd $home/iommu_group/devices && ls)" = $bdf ] || fail "cd to a group"
        [ "$(env -C $home cat vendor)" = 0x1234 ] || fail "env -C"
        [ "$(cd $home && cd .. && cd $bdf && readlink /proc/self/cwd)" = "$(readlink -f $home)" ] ||
            fail "/proc/self/cwd"
        printf 'all:\n\t@cat vendor\n' >Makefile
        [ "$(make -s -f $PWD/Makefile -C $home)" = 0x1234 ] || fail "make -C"
        cp $home/vendor $home/config . || fail "cp"
        [ "$(cat vendor)" = 0x1234 ] || fail "what cp copied"
        cp -r $home/iommu_group/ group && [ -s group/type ] || fail "cp -r"
        [ "$(stat -f -c %T $home)" = sysfs ] || fail "stat -f"
        exec 3<$home/vendor
        [ "$(stat -c %d:%i:%s $home/vendor)" = "$(stat -L -c %d:%i:%s /proc/$$/fd/3)" ] || fail "stat and fstat"
        (cd /sys/bus/pci/devices/nothing) 2>/dev/null && fail "cd to nothing"
        (cd $home/vendor) 2>/dev/null && fail "cd to a file"
        python3 -c "import os
        os.chdir('$home')
        assert os.getcwd() == os.path.realpath('$home') and os.path.exists('vendor')" || fail "os.chdir"
        """);

    [Fact]
    public async Task Changing_directory_leaves_signals_and_registers_alone() => await Script(Who.Self, """
        cat >signals.py <<'END'
        import os, signal
        count = 0
        def tick(*_):
            global count
            count += 1
        signal.signal(signal.SIGALRM, tick)
        signal.siginterrupt(signal.SIGALRM, False)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        for i in range(300):
            os.chdir("/dev/vfio")
            assert os.getcwd() == "/dev/vfio"
            os.chdir("/")
            assert os.getcwd() == "/"
        descriptors = os.listdir("/proc/self/fd")
        assert len(descriptors) < 8, descriptors
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert count > 0
        END
        python3 signals.py || fail "signals"
        """);

    [Fact]
    public async Task Libudev_finds_our_devices_and_the_hosts()
    {
        foreach (string tool in (string[])["udevadm", "/usr/bin/python3"])
            (await Execution.Run(["sh", "-c", $"command -v {tool}"])).MustEnd();
        string[] hosts = (await Execution.Run(["udevadm", "trigger", "-n", "-v", "--subsystem-match=pci"]))
            .MustEnd().Output
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        (await Execution.Run(bench.UnderIoasis(Who.Self, Machine.Devices, "udevadm", "trigger", "-n", "-v",
                "--subsystem-match=pci")))
            .MustEnd().MustSay([.. hosts, $"/{Machine.DmaTest}"]);
        (await Execution.Run(bench.UnderIoasis(Who.Self, Machine.Devices, "udevadm", "info",
                $"/sys/bus/pci/devices/{Machine.DmaTest}")))
            .MustEnd().MustSay("DRIVER=vfio-pci", "PCI_ID=1234:11E9", $"PCI_SLOT_NAME={Machine.DmaTest}");
        const string Look = """
            import pyudev
            context = pyudev.Context()
            for device in context.list_devices(subsystem="vfio-dev"):
                print(device.device_node, device.parent.sys_name)
            print(pyudev.Devices.from_device_file(context, "/dev/vfio/devices/vfio0").parent.driver)
            """;
        (await Execution.Run(bench.UnderIoasis(Who.Self, Machine.Devices, "/usr/bin/python3", "-c", Look)))
            .MustEnd().MustSay("/dev/vfio/devices/vfio", $" {Machine.DmaTest}\n", "vfio-pci");
    }

    [Fact]
    public async Task A_full_file_system_is_said_to_be_full()
    {
        NeedsRoot();
        string folder = await bench.Scratch(Who.Self);
        string script = $"mount -t tmpfs -o size=16k,nr_inodes=4 none {folder} && exec \"$@\"";
        string[] program = ["unshare", "--mount", "sh", "-c", script, "full",
            .. bench.UnderIoasis(Who.Self, Machine.Devices,
            "sh", "-c", $"ls /dev/vfio/devices 2>&1; cat /sys/bus/pci/devices/{Machine.DmaTest}/vendor")];
        Dictionary<string, string> environment = new() { ["XDG_RUNTIME_DIR"] = folder };
        (await Execution.Run(program, environment)).MustEnd().MustSay("No space left on device", "0x1234");
    }

    private static void NeedsRoot() =>
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Root's supervisor is what this is about.");

    // A file of the tests' own user in a directory of its own.
    private async Task<string> Secret(Who who, string mode)
    {
        string file = Path.Combine(await bench.Scratch(who), "file");
        await File.WriteAllTextAsync(file, "text");
        (await Execution.Run(["chmod", mode, file])).MustEnd();
        return file;
    }

    private Task<Ending> Detours(Who who, string[] becomes, string file, string rights) =>
        Execution.Run(bench.UnderIoasis(
            who, Machine.Devices, [.. becomes, bench.Client("detours"), Machine.DmaTest, file, rights]));

    private async Task Script(Who who, string script)
    {
        string text = $$"""
            fail() { echo "not as it must be: $1"; exit 1; }
            bdf={{Machine.DmaTest}} home=/sys/bus/pci/devices/{{Machine.DmaTest}}
            cd {{await bench.Scratch(who)}}
            {{script}}
            echo all as it must be
            """;
        (await Execution.Run(bench.UnderIoasis(who, Machine.Devices, "sh", "-c", text)))
            .MustEnd().MustSay("all as it must be");
    }
}
