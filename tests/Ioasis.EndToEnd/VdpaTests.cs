namespace Ioasis.EndToEnd;

/// <summary>
/// vDPA devices as programs drive them by their nodes. Each answer is compared with the one that Linux 7.2 gave to the
/// same call on a simulated device.
/// </summary>
public sealed class VdpaTests(Workbench bench)
{
    // The same for both devices and both kinds of IOTLB.
    private static readonly Difference[] s_differences =
    [
        new("=0x0-0xffffffffffffffff", "=0x0-0xffffffffffff", "the device is behind a unit of 48 address bits"),
        new("last page 72", "last page EFAULT", "as above"),
        new("after: map last page again 72", "after: map last page again EFAULT", "as above"),
        new("GET_VRING_SIZE EOPNOTSUPP", "GET_VRING_SIZE 0 num=256", "the simulator's batched operations lack it"),
        new("size 0 EINVAL", "size 0 0", "a write of nothing is not stopped"), // the first of two lines
        new("FIONREAD ENOTTY", "FIONREAD 0", "the kernel answers for the file behind the node"),
        new("pread EINVAL", "pread 72", "as above"),
        new("lseek ESPIPE", "lseek 0", "as above"),
    ];

    // What is pinned lacks the last page.
    private static readonly Difference[] s_pinnedNet = [new("VmPin 8", "VmPin 4", "the last page is not mapped")];
    private static readonly Difference[] s_pinnedBlk = [new("VmPin 4", "VmPin 0", "the last page is not mapped")];

    [Theory]
    [InlineData(Who.Self, "net", "pa")]
    [InlineData(Who.Self, "net", "va")]
    [InlineData(Who.Self, "blk", "pa")]
    [InlineData(Who.Self, "blk", "va")]
    [InlineData(Who.Nobody, "net", "pa")]
    public async Task A_device_answers_as_on_Linux(Who who, string model, string kind)
    {
        Ending ending = (await Run(who, kind == "va", $"""
            {bench.Client("vdpa_probe")} /dev/vhost-vdpa-{(model == "net" ? 0 : 1)}
            """)).MustEnd();
        Difference[] pinned = kind == "va" ? [] : model == "net" ? s_pinnedNet : s_pinnedBlk;
        Assert.Equal(RecordedAnswers.Expect($"Vdpa/linux-7.2-{model}-{kind}.txt", [.. s_differences, .. pinned]),
            AsIfSilent([.. RecordedAnswers.Lines(ending.Output)]));
    }

    /// <summary>
    /// The probe enables a queue whose ring is nowhere, then suspends the device. Whether a worker looks at the ring
    /// before that is a matter of time. If so the device needs a reset, which Linux's simulators never say.
    /// </summary>
    private static string[] AsIfSilent(string[] lines)
    {
        int at = Array.IndexOf(lines, "SUSPEND again 0") + 1;
        if (lines[at] == "GET_STATUS 0 0x4f") lines[at] = "GET_STATUS 0 0xf";
        return lines;
    }

    [Fact]
    public async Task The_bus_is_in_sysfs_and_the_driver_in_proc() => (await Run(Who.Self, va: false, """
        fail() { echo "$*" >&2; exit 1; }
        cd /sys/bus/vdpa/devices/n0 || fail bus
        [ "$(readlink -f driver)" = /sys/bus/vdpa/drivers/vhost_vdpa ] || fail driver
        [ "$(readlink -f .)" = /sys/devices/n0 ] || fail device
        [ "$(cat vhost-vdpa-0/dev)" = "$(stat -c %Hr:%Lr /dev/vhost-vdpa-0)" ] || fail dev
        [ "$(stat -c %a%F /dev/vhost-vdpa-0)" = "600character special file" ] || fail mode
        grep -q "^$(cut -d: -f1 vhost-vdpa-0/dev) vhost-vdpa$" /proc/devices || fail devices
        [ -c /dev/vhost-vdpa-1 ] && [ ! -e /dev/vhost-vdpa-2 ] || fail nodes
        [ "$(echo $(ls /sys/bus/vdpa/drivers/vhost_vdpa))" = "b0 bind n0 uevent unbind" ] || fail driver
        echo "as it must be"
        """)).MustEnd().MustSay("as it must be");

    [Theory]
    [InlineData("pa", 0)]
    [InlineData("pa", 1)]
    [InlineData("va", 1)]
    public async Task A_device_is_given_back_after_each_step(string kind, int node) =>
        (await Run(Who.Self, kind == "va", $"exec {bench.Client("vdpa_killed")} /dev/vhost-vdpa-{node}"))
            .MustEnd().MustSay("given back after each step");

    /// <summary>Runs a script on a machine with a network card and a disk, as the simulators of Linux are.</summary>
    private async Task<Ending> Run(Who who, bool va, string script)
    {
        string machine = Path.Combine(await bench.Scratch(who), "machine.json");
        string kind = va ? "true" : "false";
        await File.WriteAllTextAsync(machine, $$"""
            {
                "devices": [],
                "vdpa": [
                    { "model": "virtio-net", "name": "n0", "va": {{kind}},
                      "properties": { "features": "0x308830028" } },
                    { "model": "virtio-blk", "name": "b0", "va": {{kind}},
                      "properties": { "features": "0x308007646", "size": "1M", "queues": 1 } }
                ]
            }
            """);
        return await Execution.Run(
            [.. Workbench.As(who), bench.Launcher(who), "run", "--machine", machine, "--", "sh", "-c", script]);
    }
}
