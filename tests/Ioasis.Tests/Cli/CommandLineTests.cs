using System.CommandLine;
using System.Text.Json;
using Ioasis.Cli.Manual;
using Ioasis.Cli.Verbs;
using Ioasis.Tests.Architecture;

namespace Ioasis.Tests.Cli;

/// <summary>Errors for wrong command lines, and the list of devices.</summary>
public sealed class CommandLineTests
{
    private const string Commands =
        "run, trace, record, replay, devices, demo, walk, faults, ps, state, web, fuzz, doctor, cflags, bench, "
        + "schema, man, completion";

    [Theory]
    [InlineData("", $"missing command; expected one of: {Commands}.")]
    [InlineData("rnu", $"unknown command \"rnu\"; did you mean run? Expected one of: {Commands}.")]
    [InlineData("walks", $"unknown command \"walks\"; did you mean walk? Expected one of: {Commands}.")]
    [InlineData("xyzzy", $"unknown command \"xyzzy\"; expected one of: {Commands}.")]
    [InlineData("--json", $"unknown command \"--json\"; expected one of: {Commands}.")]
    [InlineData("help rnu", $"unknown command \"rnu\"; did you mean run? Expected one of: {Commands}.")]
    [InlineData("completion tcsh", "completion takes one shell; expected one of: bash, zsh, fish.")]
    [InlineData("run", "run needs a program, as in: ioasis run lspci.")]
    [InlineData("run --", "run needs a program, as in: ioasis run lspci.")]
    [InlineData("run --strict-sva=maybe ls", "--strict-sva takes no value.")]
    [InlineData("run --device edu", "run needs a program, as in: ioasis run lspci.")]
    [InlineData("trace -t -e trace=map", "trace needs a program, as in: ioasis trace lspci.")]
    [InlineData("run --devic edu -- ls",
        "unknown argument \"--devic\" of run; "
        + "expected one of: --machine, --plugin, --device, --mdev, --strict-sva, --account, --check, "
        + "--check-exit-code, --report, --quiet, -e, --timeout, --seed, --no-kill-on-exit, --metrics, --web, "
        + "--fail-nth, --fail-call, --fail-calls, --fail-errno, --time-limit.")]
    [InlineData("run --time-limit 3 -- ls",
        "--fail-calls, --fail-errno and --time-limit need --fail-nth or --fail-call.")]
    [InlineData("run --fail-nth --fail-call 3 -- ls", "--fail-nth runs all that --fail-call runs one of.")]
    [InlineData("run --fail-nth --time-limit 0 -- ls", "--time-limit is 1 to 86400 seconds, not 0.")]
    [InlineData("run --fail-nth --fail-errno ENOMEN -- ls", "--fail-errno: \"ENOMEN\" is no errno such as ENOMEM.")]
    [InlineData("run --fail-nth --fail-calls open,shut -- ls", "--fail-calls: \"shut\" is no call; expected the "
        + "name of an ioctl, or one of: open, read, write, mmap, ioctl, iommu, vfio, vdpa, sva, all.")]
    [InlineData("run --fail-call -1 -- ls", "--fail-call counts from 1, not -1.")]
    [InlineData("run --fail-nth --check -- ls",
        "a run of which calls fail in turn takes no --check, --metrics, --web or -e.")]
    [InlineData("run --fail-nth --metrics eventpipe -- ls",
        "a run of which calls fail in turn takes no --check, --metrics, --web or -e.")]
    [InlineData("run --metrics statsd -- ls",
        "--metrics is prometheus=ADDRESS:PORT, otlp=URL or eventpipe, not statsd.")]
    [InlineData("run --metrics prometheus=9464 -- ls",
        "--metrics prometheus= takes an address and a port, such as 127.0.0.1:9464, not 9464.")]
    [InlineData("run --metrics otlp=collector:4318 -- ls",
        "--metrics otlp= takes a URL such as http://127.0.0.1:4318, not collector:4318.")]
    [InlineData("run --metrics prometheus=[::1]:1 --metrics prometheus=localhost:2 -- ls",
        "--metrics prometheus= given twice.")]
    [InlineData("run --fail-nth --web -- ls",
        "a run of which calls fail in turn takes no --check, --metrics, --web or -e.")]
    [InlineData("run --web=0 -- ls", "--web takes a port from 1 to 65535, not 0.")]
    [InlineData("run --web=x ls", "--web takes a port from 1 to 65535, not x.")]
    [InlineData("run --web --", "run needs a program, as in: ioasis run lspci.")]
    [InlineData("web --port 65536", "--port takes a port from 1 to 65535, not 65536.")]
    [InlineData("web 1 2", "web takes one process ID or one recording.")]
    [InlineData("web x.ioasis", "web: there is no file \"x.ioasis\"; expected a process ID or a recording.")]
    [InlineData("run --fail-nth -e inject=dma:fault -- ls",
        "a run of which calls fail in turn takes no --check, --metrics, --web or -e.")]
    [InlineData("run --report tap ls", "--report needs --check.")]
    [InlineData("run --check --report xml=f ls",
        "--report: there is no format \"xml\"; expected one of: junit, sarif, tap, github.")]
    [InlineData("run --check --report junit= ls", "--report junit= names no file.")]
    [InlineData("run --timeout 1y ls", "--timeout is a time such as 60s, 5m or 1h, up to 24d, not 1y.")]
    [InlineData("run --check-exit-code 7 -- ls", "--check-exit-code needs --check.")]
    [InlineData("run --check --check-exit-code 256 -- ls", "--check-exit-code is at most 255, not 256.")]
    [InlineData("run --machine -- ls", "--machine needs a value: --machine FILE.")]
    [InlineData("run --machine a --machine b -- ls", "--machine given twice.")]
    [InlineData("run --device foo -- ls",
            "device \"foo\": there is no device model \"foo\"; expected one of: "
            + "dmatest, dsa, edu, ioat, nvme, virtio-blk, virtio-net.")]
    [InlineData("devices --device edu@1", "device \"edu@1\": \"1\" is not an address such as 1000:00:05.0.")]
    [InlineData("devices all",
        "unknown argument \"all\" of devices; expected one of: --machine, --plugin, --device, --mdev, --json, -v, "
        + "-t.")]
    [InlineData("devices -t --json", "--json and -t exclude each other.")]
    [InlineData("faults --program abc", "--program takes a process ID, not \"abc\".")]
    [InlineData("walk --device 0:4.0 --pasid -1 0", "--pasid takes a number from 0 to 4294967295, not \"-1\".")]
    [InlineData("fuzz --seconds x", "--seconds takes a number, not \"x\".")]
    [InlineData("schema foo",
        "there is no schema \"foo\"; expected one of: bench, demo, devices, doctor, faults, fuzz, machine, ps, state, "
        + "trace, walk.")]
    [InlineData("devices -- x", "only run, trace and record take a program after --.")]
    [InlineData("record -- x",
        "record needs --on-system; a program on a machine of ours is recorded by: ioasis trace -o FILE.ioasis -- "
            + "PROGRAM.")]
    [InlineData("record --on-system",
        "record needs a program, as in: ioasis record --on-system ./program.")]
    [InlineData("record --on-system -o /no/such/f -- x", "Could not find a part of the path '/no/such/f'.")]
    [InlineData("replay", "replay needs a recording, as in: ioasis replay program.ioasis.")]
    [InlineData("replay --shrink a b", "--shrink and --to-c take one recording.")]
    [InlineData("run -e dma:fault -- x", "\"dma:fault\" is no rule such as inject=dma:fault.")]
    [InlineData("run -e inject=mmap -- x", "inject=mmap: a call fails with an errno, as in: error=ENOMEM.")]
    [InlineData("run -e -- x", "-e needs a value: -e inject=CALLS:error=ERRNO[:when=...] or inject=FAULT[:when=...].")]
    [InlineData("trace -e inject=dma:slow -- x", "inject=dma:slow: \"dma:slow\" is nothing that can go wrong; expected "
        + "one of: dma:fault, dma:delay, irq:lost, irq:doubled, inv:dropped, inv:slow, prq:overflow, "
        + "device:surprise-reset, device:gone, pasid:exhausted.")]
    [InlineData("trace -e trace=map -e fault -- x", "-e trace= given 2 times.")]
    [InlineData("trace -ff -- x", "trace -ff needs -o FILE, and goes without -c.")]
    [InlineData("trace -ff -c -o f -- x", "trace -ff needs -o FILE, and goes without -c.")]
    [InlineData("trace -p 1 -e inject=dma:fault", "trace -p takes no program, no -c, no -k, no -ff and no -e inject=.")]
    [InlineData("fuzz --shard 3/3", "--shard is I/N with I from 0 to N-1, such as 0/8, not 3/3.")]
    [InlineData("fuzz --shard all", "--shard is I/N with I from 0 to N-1, such as 0/8, not all.")]
    [InlineData("fuzz --seconds 0", "--seconds is 1 to 2592000, not 0.")]
    [InlineData("fuzz --seed -1", "--seed is 0 to 1073741823, not -1.")]
    [InlineData("fuzz --seeds 0", "--seeds is at least 1, not 0.")]
    [InlineData("fuzz --calls 1", "--calls is 2 to 1000000, not 1.")]
    [InlineData("fuzz merge", "fuzz merge needs results, as in: ioasis fuzz merge fuzz-*.json.")]
    [InlineData("fuzz merge /no/such", "Could not find a part of the path '/no/such'.")]
    [InlineData("bench", "bench works only in a source tree: ./ioasis bench.")]
    [InlineData("demo --fast", "unknown argument \"--fast\" of demo; expected one of: nested, vsva, --json.")]
    public void AWrongCommandLineGetsOneSentenceAndExitCode2(string line, string sentence)
    {
        (int code, string output, string error) = Run(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal((2, "", $"ioasis: {sentence}\n"), (code, output, error));
    }

    [Fact]
    public void AFileThatIsWrongIsNamedWithItsLine()
    {
        string file = Path.GetTempFileName();
        File.WriteAllText(file, "{\n  \"devices\": [ { \"model\": \"nvme\" } ]\n}\n");
        (int code, _, string error) = Run("devices", "--machine", file);
        File.Delete(file);
        Assert.Equal(2, code);
        Assert.StartsWith($"ioasis: {file}:2", error, StringComparison.Ordinal);
    }

    [Fact]
    public void DevicesAreListedInAlignedColumns()
    {
        (int code, string output, string error) = Run("devices", "--device", "edu@0000:06:00.0");
        Assert.Equal((0, ""), (code, error));
        string[] lines = output.TrimEnd().Split('\n');
        Assert.Equal(4, lines.Length);
        Assert.All(lines, l => Assert.Equal(lines[0].IndexOf("NODE", StringComparison.Ordinal),
                l.LastIndexOf(' ') + 1));
        Assert.StartsWith("0000:06:00.0  edu ", lines[3], StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output);
    }

    [Fact]
    public void DevicesAreListedAsJson()
    {
        (int code, string output, _) = Run("devices", "--json");
        Assert.Equal(0, code);
        JsonElement[] devices = [.. JsonDocument.Parse(output).RootElement.GetProperty("devices").EnumerateArray()];
        Assert.Equal(["edu", "dmatest"], devices.Select(d => d.GetProperty("model").GetString()));
        Assert.Equal(["/dev/vfio/devices/vfio0", "/dev/vfio/devices/vfio1"],
            devices.Select(d => d.GetProperty("node").GetString()));
        Assert.Equal("11e9", devices[1].GetProperty("device").GetString());
    }

    [Fact]
    public void VdpaDevicesAreListedAsTheirOwnToolListsThem()
    {
        string[] machine = ["devices", "--device", "virtio-net@n0,vdpa,queues=2", "--device", "virtio-blk@d0,vdpa"];
        (int code, string output, string error) = Run(machine);
        Assert.Equal((0, ""), (code, error));
        Assert.Equal(
            ["n0: type network mgmtdev ioasis vendor_id 0 max_vqs 5 max_vq_size 256",
                "d0: type block mgmtdev ioasis vendor_id 0 max_vqs 1 max_vq_size 256"],
            output.TrimEnd().Split('\n')[^2..]);
        JsonElement disk = JsonDocument.Parse(Run([.. machine, "--json"]).Output).RootElement.GetProperty("vdpa")
            .EnumerateArray().Last();
        Assert.Equal(("d0", "block", "/dev/vhost-vdpa-1"), (disk.GetProperty("name").GetString(),
            disk.GetProperty("type").GetString(), disk.GetProperty("node").GetString()));
    }

    [Fact]
    public void DevicesAreShownAsATree()
    {
        (int code, string output, _) = Run("devices", "-t", "--device", "edu@0:5.0");
        Assert.Equal(0, code);
        Assert.Equal(
            """
            -[dmar0]-+-group 0---1000:00:03.0 edu
                     +-group 1---1000:00:04.0 dmatest
                     \-group 2---0000:00:05.0 edu

            """, output);
    }

    [Fact]
    public void DevicesAreShownInFull()
    {
        (int code, string output, _) = Run("devices", "-v");
        Assert.Equal(0, code);
        Assert.Contains("1000:00:04.0 dmatest [1234:11e9] (rev ", output, StringComparison.Ordinal);
        Assert.Contains("\tIOMMU unit: dmar0, group 1\n", output, StringComparison.Ordinal);
        Assert.Contains("\tDriver: vfio-pci\n\tNode: /dev/vfio/devices/vfio1\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public void TheTableOfExitCodesIsThatOfTheDocumentation()
    {
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs/commands.md"));
        string table = string.Concat(ExitTable.Rows.Select(r => $"| {r.Code} | {r.Commands} | {r.Meaning} |\n"));
        Assert.Contains($"|---|---|---|\n{table}\n", page, StringComparison.Ordinal);
    }

    [Fact]
    public void TheManualPageHasEachCommandAndEachOption()
    {
        string page = Run("man").Output;
        RootCommand root = CommandLine.Build(new ProgramWords(), TextWriter.Null, TextWriter.Null);
        foreach (CommandNode command in CommandNode.Of(root, CommandLine.TakesProgram).All.Skip(1))
        {
            Assert.Contains($"\n.SS {command.Path.Replace("-", "\\-", StringComparison.Ordinal)}\n", page,
                StringComparison.Ordinal);
            Assert.All(command.Options.SelectMany(o => o.Names), name => Assert.Contains(
                $"\\fB{name.Replace("-", "\\-", StringComparison.Ordinal)}\\fP", page, StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("--help", "Usage:")]
    [InlineData("help", "Usage:")]
    [InlineData("help trace convert", "convert")]
    [InlineData("-V", ".")]
    [InlineData("version", ".")]
    public void HelpAndTheVersionAreAnsweredInEachOfTheirSpellings(string line, string says)
    {
        (int code, string output, string error) = Run(line.Split(' '));
        Assert.Equal((0, ""), (code, error));
        Assert.Contains(says, output, StringComparison.Ordinal);
        Assert.DoesNotContain("/?", output, StringComparison.Ordinal);
    }

    private static (int Code, string Output, string Error) Run(params string[] arguments)
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        int code = CommandLine.Invoke(arguments, output, error);
        return (code, output.ToString(), error.ToString());
    }
}
