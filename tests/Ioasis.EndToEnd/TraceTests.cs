using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Json.Schema;

namespace Ioasis.EndToEnd;

/// <summary>The trace of an unmodified program is what the program did.</summary>
public sealed partial class TraceTests(Workbench bench)
{
    // PID and ADDRESS stand for numbers that each run has of its own.
    private const string FirstDma = """
                open path=/dev/iommu process=PID file=1
                open path=/dev/vfio/devices/vfio1 process=PID file=2
                detach_device_from_domain device=1000:00:04.0 domain=default
                bind device=1000:00:04.0 context=1 devid=1
                reset device=1000:00:04.0
        PID ioctl(4</dev/vfio/devices/vfio1>, VFIO_DEVICE_BIND_IOMMUFD, {argsz=24, flags=0, iommufd=3, out_devid=0, \
            token_uuid_ptr=0x0}) = 0 {out_devid=1}
        PID ioctl(3</dev/iommu>, IOMMU_IOAS_ALLOC, {size=12, flags=0, out_ioas_id=0}) = 0 {out_ioas_id=2}
                attach_device_to_domain device=1000:00:04.0 context=1 hwpt=3
        PID ioctl(4</dev/vfio/devices/vfio1>, VFIO_DEVICE_ATTACH_IOMMUFD_PT, {argsz=16, flags=0, pt_id=2, pasid=0}) \
            = 0 {pt_id=3}
        PID ioctl(4</dev/vfio/devices/vfio1>, VFIO_DEVICE_GET_REGION_INFO, {argsz=32, flags=0, index=7, \
            cap_offset=0, size=0, offset=0x0}) = 0 {flags=READ|WRITE, size=4096, offset=0x70000000000}
        PID write(4</dev/vfio/devices/vfio1>, 0600, 2, config+0x4) = 2
                map context=1 ioas=2 iova=0x1000 last=0x1fff access=rw address=ADDRESS
        PID ioctl(3</dev/iommu>, IOMMU_IOAS_MAP, {size=40, flags=WRITEABLE|READABLE, ioas_id=2, user_va=ADDRESS, \
            length=4096, iova=0x0}) = 0 {iova=0x1000}
        PID ioctl(4</dev/vfio/devices/vfio1>, VFIO_DEVICE_GET_REGION_INFO, {argsz=32, flags=0, index=0, \
            cap_offset=0, size=0, offset=0x0}) = 0 {flags=READ|WRITE|MMAP, size=4096, offset=0x90000000000}
        PID mmap(4</dev/vfio/devices/vfio1>, 4096, bar0+0x0) = 0
        PID ioctl(4</dev/vfio/devices/vfio1>, VFIO_DEVICE_GET_REGION_INFO, {argsz=32, flags=0, index=2, \
            cap_offset=0, size=0, offset=0x0}) = 0 {flags=READ|WRITE|MMAP, size=4096, offset=0x20000000000}
        PID mmap(4</dev/vfio/devices/vfio1>, 4096, bar2+0x0) = 0
                doorbell device=1000:00:04.0 bar=0 offset=0x8 width=4 value=0x3
        """;

    [Fact]
    public async Task The_first_program_of_the_README_does_what_its_source_says()
    {
        string file = Path.Combine(await bench.Scratch(Who.Self), "trace");
        (await Trace(["-o", file], await FirstDmaProgram())).MustEnd().MustSay("IOVA 0x1000: the device read ");
        string trace = string.Join('\n', File.ReadAllLines(file).Select(Plain));
        string expected = string.Join('\n', Continuation().Replace(FirstDma, " ").Split('\n').Select(l => l.Trim()));
        Assert.StartsWith(expected, trace, StringComparison.Ordinal);
        Assert.Equal(
            ["close", "close", "reset", "detach_device_from_domain", "unbind", "attach_device_to_domain", "unmap"],
            trace[expected.Length..].Trim().Split('\n').Select(l => l.Split(' ')[0]));
    }

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Refused_calls_and_faults_are_seen_in_JSON(Who who)
    {
        string file = Path.Combine(await bench.Scratch(who), "trace");
        (await Execution.Run([.. Workbench.As(who), bench.Launcher(who), "trace", "--json", "-o", file, "-e",
            "trace=vfio,fault", "--device", $"dmatest@{Machine.DmaTest}", "--", bench.Client("walked"),
            Machine.DmaTest])).MustEnd().MustSay("ready");
        JsonNode[] lines = LinesOf(file);
        JsonNode fault = lines.Single(l => (string)l["event"]! == "io_page_fault");
        Assert.Equal((Machine.DmaTest, "0x20000", "w", "NotMapped"), ((string)fault["device"]!, (string)fault["iova"]!,
            (string)fault["access"]!, (string)fault["reason"]!));
        Assert.All(lines.Where(l => l != fault), l => Assert.StartsWith("/dev/vfio/", (string)l["path"]!,
            StringComparison.Ordinal));
        long[] sequence = [.. lines.Select(l => (long)l["seq"]!)];
        Assert.Equal(sequence.Distinct().Count(), sequence.Length);
    }

    [Fact]
    public async Task What_a_call_caused_has_its_number()
    {
        string file = Path.Combine(await bench.Scratch(Who.Self), "trace");
        (await Trace(["--json", "-o", file, "-e", "trace=iommu,map,fault"], await FirstDmaProgram())).MustEnd();
        JsonNode[] lines = LinesOf(file);
        JsonNode map = lines.Single(l => (string)l["event"]! == "map");
        JsonNode call = lines.Single(l => (string?)l["request"] == "IOMMU_IOAS_MAP");
        Assert.Equal((long)call["call_number"]!, (long)map["call_number"]!);
        long[] calls = [.. lines.Where(l => (string)l["event"]! == "call").Select(l => (long)l["call_number"]!)];
        Assert.Equal(calls.Distinct().Count(), calls.Length);
    }

    [Fact]
    public async Task The_program_keeps_its_exit_code_and_a_file_that_cannot_be_written_is_told()
    {
        (await Trace(["-e", "trace=fault"], "sh", "-c", "exit 7")).MustEnd(7);
        Ending none = (await Trace(["-o", "/no/such/folder/file"], "true")).MustEnd(2);
        Assert.Contains("/no/such/folder", none.Error, StringComparison.Ordinal);
        Ending full = (await Trace(["-o", "/dev/full"], await FirstDmaProgram())).MustEnd();
        Assert.Contains("the trace ends: No space left on device", full.Error, StringComparison.Ordinal);
        Ending counted = (await Trace(["-c"], await FirstDmaProgram())).MustEnd();
        Assert.Matches(@"/dev/iommu +IOMMU_IOAS_MAP +ok +1\n", counted.Error);
    }

    [Fact]
    public async Task Each_process_has_a_file_also_one_that_is_killed_in_a_call()
    {
        string file = Path.Combine(await bench.Scratch(Who.Self), "trace");
        Ending ending = (await Trace(["--json", "-ff", "-o", file, "-e", "trace=iommu,open,map"],
            bench.Client("traced_storm"))).MustEnd();
        string child = $"{file}.{ending.Output.Trim().Split(' ')[^1]}";
        // To GetFiles, "trace.*" is also "trace".
        string parent = Assert.Single(
            Directory.GetFiles(Path.GetDirectoryName(file)!, "trace.*"), f => f != child && f != file);
        JsonNode[] storm = LinesOf(child);
        Assert.Equal("open", (string?)storm[0]["event"]);
        int calls = storm.Count(l => (string?)l["request"] == "IOMMU_IOAS_MAP");
        int maps = storm.Count(l => (string?)l["event"] == "map");
        Assert.True(calls > 100);
        Assert.InRange(calls - maps, 0, 1); // the last one's memory may be gone
        Assert.Equal(["open /dev/iommu", "call /dev/iommu"],
            LinesOf(parent).Select(l => $"{l["event"]} {l["path"]}"));
        Assert.Equal(["close", "close"], LinesOf(file).Select(l => (string?)l["event"])
            .Where(e => e == "close"));
    }

    [Fact]
    public async Task Writes_to_sysfs_and_mdevs_that_come_and_go_are_seen_with_why_not()
    {
        const string Uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001";
        const string Create = "/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-1/create";
        string file = Path.Combine(await bench.Scratch(Who.Self), "trace");
        string script = $"echo {Uuid} > {Create}; echo {Uuid} > {Create}; echo 1 > /sys/bus/mdev/devices/{Uuid}/remove";
        (await Trace(["-o", file, "-tt", "-e", "trace=mdev", "--device", "mtty"], "sh", "-c", script)).MustEnd();
        const string Time = "[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6} +";
        string[] expected =
        [
            $"mdev uuid={Uuid} type=mtty-1 parent=mtty action=create",
            $@"[0-9]+ +write[(]1</sys/devices/virtual/mtty/mtty/mdev_supported_types/mtty-1/create>, ""{Uuid}\\n"", 37"
                + "[)] = 37",
            $"[0-9]+ +write[(]1<.*/create>, .*[)] = -1 EEXIST [(]an mdev of this UUID, {Uuid}, is there already[)]",
            $"mdev uuid={Uuid} type=mtty-1 parent=mtty action=remove",
            $@"[0-9]+ +write[(]1</sys/devices/virtual/mtty/mtty/{Uuid}/remove>, ""1\\n"", 2[)] = 2",
        ];
        Assert.Collection(File.ReadAllLines(file),
            [.. expected.Select<string, Action<string>>(e => line => Assert.Matches($"^{Time}{e}$", line))]);
    }

    // The first line has the versions, whatever the words are.
    private JsonNode[] LinesOf(string file)
    {
        JsonNode[] lines = [.. File.ReadAllLines(file).Select(l => JsonNode.Parse(l)!)];
        Assert.StartsWith("{\"ioasis\":1,\"version\":\"", File.ReadLines(file).First(), StringComparison.Ordinal);
        Assert.Equal("begin", (string?)lines[0]["event"]);
        var schema = JsonSchema.FromText(File.ReadAllText($"{bench.Root}/docs/trace.schema.json"));
        Assert.All(lines, line => Assert.True(schema.Evaluate(line).IsValid, line.ToJsonString()));
        return lines[1..];
    }

    private Task<Ending> Trace(string[] options, params string[] program) =>
        Execution.Run([bench.Launcher(Who.Self), "trace", .. options, "--", .. program]);

    private async Task<string> FirstDmaProgram()
    {
        string program = Path.Combine(await bench.Scratch(Who.Self), "first_dma");
        string build = $"gcc -O2 $('{bench.Root}/eng/uapi-headers.sh') '{bench.Root}/examples/first_dma.c' "
            + $"-o '{program}'";
        (await Execution.Run(["sh", "-c", build])).MustEnd();
        return program;
    }

    private static string Plain(string line) => Address().Replace(Process().Replace(line, "$1PID "), "ADDRESS").Trim();

    [GeneratedRegex(@" \\\n +")]
    private static partial Regex Continuation();

    [GeneratedRegex("0x7[0-9a-f]{11}")]
    private static partial Regex Address();

    [GeneratedRegex("(^|process=)[0-9]+ +")]
    private static partial Regex Process();
}
