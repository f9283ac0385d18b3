namespace Ioasis.EndToEnd;

/// <summary>Looking at a program that runs, from outside.</summary>
public sealed class WalkTests(Workbench bench)
{
    private const string ShortForm = "7:0.0"; // of Machine.DmaTest
    private const int WouldFault = 1, NoProgram = 3; // docs/commands.md

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task What_a_program_has_mapped_can_be_walked_and_its_faults_seen(Who who)
    {
        string scratch = await bench.Scratch(who);
        var alone = new Dictionary<string, string> { ["XDG_RUNTIME_DIR"] = scratch };
        using Execution program =
            Execution.Start(bench.UnderIoasis(who, Machine.Devices, bench.Client("walked"), Machine.DmaTest), alone);
        await program.Hear("ready");

        Ending mapped = await Ask("walk", "--device", Machine.DmaTest, "0x10010");
        // it is asked as soon as it can be
        for (int i = 0; i < 20 && mapped.Code != 0; i++)
            mapped = await Ask("walk", "--device", Machine.DmaTest, "0x10010");
        mapped.MustEnd().MustSay("attached to a HWPT of an IOAS", "0x0000000000010010",
            "mapping 0x10000-0x10fff, read");
        (await Ask("walk", "--device", ShortForm, "--write", "0x10010"))
            .MustEnd(WouldFault).MustSay("mapping 0x10000-0x10fff, read: not for that");
        (await Ask("walk", "--device", Machine.DmaTest, "--json", "0x20000"))
            .MustEnd(WouldFault).MustSay("\"ioasis\": 1", "\"reason\": \"NotMapped\"", "nothing is mapped there");
        (await Ask("walk", "--device", Machine.DmaTest, "--pasid", "5", "0x20000"))
            .MustEnd(WouldFault).MustSay("PASID 5: attached to nothing");
        (await Ask("faults")).MustEnd().MustSay(
            $"dmar0         1  {Machine.DmaTest}                write 0x0000000000020000  NotMapped, reason 0x5");
        Ending none = (await Ask("walk", "--device", "0000:1f:00.0", "0x0")).MustEnd(2);
        Assert.Contains("there is no device 0000:1f:00.0; expected one of: ", none.Error, StringComparison.Ordinal);

        (await Ask("ps")).MustEnd().MustSay("PID  SUPERVISOR", bench.Client("walked"));
        (await Ask("state")).MustEnd().MustSay(
            "/dev/iommu, opened by process ", "ioas", "1 mappings, 4096 bytes", "0x10000-0x10fff r  address 0x",
            $"auto, attached: {Machine.DmaTest}",
            $"{Machine.DmaTest} dmatest behind dmar0, driver vfio-pci, bus master on");
        (await Ask("state", "--json")).MustEnd().MustSay("\"mapCount\": 1", "\"first\": \"0x10000\"");
        using Execution follower = Execution.Start(
            [.. Workbench.As(who), bench.Launcher(who), "faults", "-f"], alone);
        Assert.StartsWith($"dmar0         1  {Machine.DmaTest}", await follower.HearLine(), StringComparison.Ordinal);

        using Execution tracer = Execution.Start(
            [.. Workbench.As(who), bench.Launcher(who), "trace", "-p", "1", "-e", "fault"], alone);
        Assert.Contains("no program with ID 1 is running", (await tracer.End()).MustEnd(NoProgram).Error,
            StringComparison.Ordinal);

        (await program.End()).MustEnd();
        (await follower.End()).MustEnd(); // with the program
        Ending over = (await Ask("faults")).MustEnd(NoProgram);
        Assert.Equal("ioasis: no program is running under ioasis run.", over.Error.Trim());

        Task<Ending> Ask(params string[] words) =>
            Execution.Run([.. Workbench.As(who), bench.Launcher(who), .. words], alone);
    }
}
