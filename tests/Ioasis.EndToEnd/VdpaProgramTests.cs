using System.Globalization;

namespace Ioasis.EndToEnd;

/// <summary>Programs that drive our vDPA devices by themselves.</summary>
public sealed class VdpaProgramTests(Workbench bench)
{
    private static readonly string[] s_disks = ["virtio-blk@d0,vdpa,size=8M", "virtio-blk@d1,vdpa,size=8M"];
    private static readonly string[] s_nodes = ["/dev/vhost-vdpa-0", "/dev/vhost-vdpa-1"];

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Whatever_a_program_does_the_next_one_finds_the_device_free(Who who) =>
        (await Execution.Run(bench.UnderIoasis(who, s_disks, [bench.Client("vdpa_hostile"), .. s_nodes])))
            .MustEnd().MustSay("closed and killed after each of", "kicks in storms: ok", "whose counter is full: ok",
                "kinds of broken rings: ok", "vdpa_hostile: all as it must be");

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task One_unmap_stops_a_function_an_mdev_and_a_vDPA_disk(Who who)
    {
        const string Function = "1000:00:06.0", Parent = "1000:00:05.0", Uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001";
        (await Execution.Run([
            .. Workbench.As(who), bench.Launcher(who), "run", "--device", s_disks[0], "--device", $"dmatest@{Function}",
            "--device", $"dmatest@{Parent},mdevs=1", "--mdev", $"dmatest-1ch@{Parent},uuid={Uuid}", "--",
            bench.Client("vdpa_shared"), s_nodes[0], Function, Uuid])).MustEnd().MustSay(
            "an unmap stops a function, an mdev and a vDPA disk: ok", "and with a PASID: ok",
            "one PASID of the program's own pointers: ok", "vdpa_shared: all as it must be");
    }

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Its_driver_lets_a_device_go_and_takes_it_again(Who who) =>
        (await Execution.Run(bench.UnderIoasis(who, s_disks, [bench.Client("vdpa_driver"), "d0", s_nodes[0]])))
            .MustEnd().MustSay("unbind and bind wait for the close: ok",
                "bind, unbind, drivers_probe and driver_override: ok", "a killed writer: ok",
                "vdpa_driver: all as it must be");

    [Fact]
    public async Task A_driver_that_notifies_only_when_asked_is_never_forgotten() =>
        (await Execution.Run(bench.UnderIoasis(Who.Self, s_disks, [bench.Client("vdpa_quiet"), s_nodes[0], "5000"])))
            .MustEnd().MustSay("5000 requests, ", "vdpa_quiet: all as it must be");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_program_that_sends_a_frame_gets_it_back(bool throughNodes)
    {
        string[] program = ["dotnet", Path.Combine(bench.Root, "artifacts/bin/VdpaFrame/release/VdpaFrame.dll")];
        (await Execution.Run(throughNodes
            ? bench.UnderIoasis(Who.Self, ["virtio-net@net0,vdpa"], [.. program, "nodes"]) : program)).MustEnd()
            .MustSay($"{(throughNodes ? "nodes" : "process")}: 52:54:00:12:34:56 sent 60 bytes and got them back: "
                + "\"Hello through an IOMMU.\"");
    }

    /// <summary>
    /// Generated sequences of calls, valid and not: a program gets the same answers each time, and those that the
    /// devices give within a process.
    /// </summary>
    [Fact]
    public async Task Generated_calls_are_answered_and_each_time_in_the_same_way()
    {
        const int Seeds = 5, Calls = 2000;
        string folder = await bench.Scratch(Who.Self), player = Path.Combine(folder, "player");
        string[] runner = ["dotnet", Path.Combine(bench.Root,
            "artifacts/bin/Ioasis.Differential/release/Ioasis.Differential.dll")];

        async Task<string> Runner(params string[] words) =>
            (await Execution.Run([.. runner, .. words])).MustEnd().Output;

        (await Execution.Run(["gcc", "-O2", "-std=gnu17", "-D_GNU_SOURCE", "-o", player,
            Path.Combine(bench.Root, "tests/Ioasis.Differential/Linux/player.c")])).MustEnd();
        CancellationToken cancel = TestContext.Current.CancellationToken;
        string calls = Path.Combine(folder, "calls");
        await File.WriteAllTextAsync(calls, await Runner("calls"), cancel);
        string devices = await Runner("vdpa-devices");
        var sequences = new List<string>();
        var expected = new List<string>();
        for (int seed = 1; seed <= Seeds; seed++)
        {
            string file = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{seed}.seq"));
            await File.WriteAllTextAsync(file, await Runner("generate-vdpa", $"{seed}", $"{Calls}"), cancel);
            string played = await Runner("play", file);
            sequences.Add(file);
            expected.Add($"# {seed}.seq");
            expected.AddRange(
                Lines(played).Select(line => line[(line.IndexOf(" => ", StringComparison.Ordinal) + 4)..]));
        }

        for (int round = 0; round < 2; round++)
        {
            Ending ending = (await Execution.Run(
                bench.UnderIoasis(Who.Self, Lines(devices), [player, calls, .. sequences]))).MustEnd();
            Assert.Equal(expected, Lines(ending.Output));
        }
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
