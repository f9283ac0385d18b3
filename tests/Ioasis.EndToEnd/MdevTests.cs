namespace Ioasis.EndToEnd;

/// <summary>
/// mdevs of <c>mtty</c>, as programs create, drive and remove them. Each answer is compared with the one that Linux 7.2
/// gave to the same call.
/// </summary>
public sealed class MdevTests(Workbench bench)
{
    private const string Types = "/sys/class/mdev_bus/mtty/mdev_supported_types";
    private const string Uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001";

    private static readonly Difference[] s_attributeDifferences =
        [new("lseek end 4096", "lseek end 281474976710656", "the file behind an attribute has no end")];

    private static readonly Difference[] s_differences =
    [
        new("GET_IRQ_INFO before GET_INFO -> EINVAL", "GET_IRQ_INFO before GET_INFO -> 0", "a defect of the sample"),
        new("REGION_INFO 0 flags 0x3 size 0x8 offset 0x0 cap_offset 0 argsz 288",
            "REGION_INFO 0 flags 0x3 size 0x8 offset 0x90000000000 cap_offset 0 argsz 288",
            "calls at small offsets are not stopped"),
        new("FEATURE 1 probe get -> 0", "FEATURE 1 probe get -> ENOTTY", "no migration"),
        new("FEATURE 2 probe get -> 0", "FEATURE 2 probe get -> ENOTTY", "no migration"),
        new("FEATURE 6 probe get -> EINVAL", "FEATURE 6 probe get -> ENOTTY", "no migration"),
        new("FEATURE 7 probe get -> EINVAL", "FEATURE 7 probe get -> ENOTTY", "no migration"),
        new("FEATURE 8 probe get -> 0", "FEATURE 8 probe get -> ENOTTY", "no migration"),
        new("FEATURE 9 probe get -> 0", "FEATURE 9 probe get -> ENOTTY", "no migration"),
        new("FEATURE MIGRATION get -> 0", null, "no migration: not asked"),
        new("flags 0x7", null, "no migration: not asked"),
        new("FEATURE MIG_DEVICE_STATE get -> 0", null, "no migration: not asked"),
        new("state 2 fd -1", null, "no migration: not asked"),
        new("eventfd read 8 value 0", "eventfd read 8 value 1", "the recorded probe printed its variable too early"),
        new("pread config beyond its end (8 at size) -> 8", "pread config beyond its end (8 at size) -> EFAULT",
            "a leak"),
        new("pread BAR0 beyond its end -> 4", "pread BAR0 beyond its end -> EFAULT", "a leak"),
        new("pread region 2 -> 4", "pread region 2 -> EFAULT", "a leak"),
        new("read at the file position -> 4", "read at the file position -> 0",
            "calls without an offset are not stopped"),
        new("lseek -> ESPIPE", "lseek -> 281474976710656", "the file behind a node can be sought, as of functions"),
        new($"fdinfo: vfio-device-syspath: /sys/devices/virtual/mtty/mtty/{Uuid}", null,
            "the kernel tells of the file behind the node"),
        new("node: major 243 minor 0 mode 20600", "node: major 511 minor 0 mode 20660",
            "a dynamic number; the mode of a group of users that may have VFIO"),
        new("after 2 s the writer has not returned", "the writer has not returned", "nothing sleeps"),
        new("4 16 64 4 4 4 14 7 /dev/vfio: 0 1 2 3 4 devices vfio /dev/vfio/devices: vfio1 vfio2 vfio3 vfio4",
            "14 7 /dev/vfio: 0 1 2 3 4 devices vfio /dev/vfio/devices: vfio1 vfio2 vfio3 vfio4",
            "there is no mbochs and no mdpy"),
    ];

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Attributes_answer_as_on_Linux(Who who)
    {
        Ending ending = (await Run(who, $"{bench.Client("mdev_sysfs")} {Types}/mtty-2")).MustEnd();
        Assert.Equal(RecordedAnswers.Expect("Mdevs/linux-7.2-sysfs.txt", s_attributeDifferences),
            [.. RecordedAnswers.Lines(ending.Output)]);
    }

    /// <summary>The recorded machine had four more mdevs, which the first program leaves here as well.</summary>
    [Theory]
    [InlineData(Who.Self, "/dev/vfio/vfio")]
    [InlineData(Who.Self, "/dev/iommu")]
    [InlineData(Who.Nobody, "/dev/vfio/vfio")]
    public async Task An_mdev_answers_as_on_Linux(Who who, string container)
    {
        Ending ending = (await Run(who, $"""
            {bench.Client("mdev_sysfs")} {Types}/mtty-2 > /dev/null || exit
            printf {Uuid} > {Types}/mtty-2/create || exit
            exec {bench.Client("mdev_probe")} {Uuid} {container}
            """)).MustEnd();
        Assert.Equal(RecordedAnswers.Expect("Mdevs/linux-7.2-mtty.txt", s_differences),
            [.. RecordedAnswers.Lines(ending.Output)]);
    }

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task A_killed_writer_of_remove_leaves_the_mdev_to_its_owner(Who who) => (await Run(who, $$"""
        fail() { echo "$*" >&2; exit 1; }
        device=/sys/bus/mdev/devices/{{Uuid}}
        echo {{Uuid}} > {{Types}}/mtty-1/create || fail create
        [ $(cat {{Types}}/mtty-1/available_instances) = 23 ] || fail available
        node=$(ls $device/vfio-dev)
        exec 7<> /dev/vfio/devices/$node || fail open
        (exec 7>&-; echo 1 > $device/remove) & writer=$!
        while [ -e $device ]; do :; done
        kill -9 $writer && ! wait $writer || fail kill
        [ ! -e $device ] && [ $(cat {{Types}}/mtty-1/available_instances) = 23 ] || fail "gone early"
        exec 7>&-
        while [ $(cat {{Types}}/mtty-1/available_instances) = 23 ]; do :; done
        echo {{Uuid}} > {{Types}}/mtty-1/create || fail again
        [ -c /dev/vfio/devices/$node ] && echo "as it must be"
        """)).MustEnd().MustSay("as it must be");

    /// <summary>Runs a script on a machine that has nothing but mtty.</summary>
    private async Task<Ending> Run(Who who, string script)
    {
        string machine = Path.Combine(await bench.Scratch(who), "machine.json");
        await File.WriteAllTextAsync(machine, """{"devices": []}""");
        return await Execution.Run([.. Workbench.As(who), bench.Launcher(who), "run", "--machine", machine, "--device",
            "mtty", "--", "sh", "-c", script]);
    }
}
