namespace Ioasis.EndToEnd;

/// <summary>Each call fails in turn, and what a program makes of it is judged.</summary>
public sealed class FailNthRunTests(Workbench bench)
{
    [Fact]
    public async Task A_right_program_is_right_in_every_run()
    {
        Ending ending = await FailNth([], "right");
        string path = "/dev/vfio/devices/vfio2", ends = "fails: the program ends with exit code 1";
        Assert.Equal(
            [
                $"   1 right    open of /dev/iommu {ends}", $"   2 right    open of {path} {ends}",
                $"   3 right    VFIO_DEVICE_BIND_IOMMUFD of {path} {ends}",
                $"   4 right    IOMMU_IOAS_ALLOC of /dev/iommu {ends}",
                $"   5 right    VFIO_DEVICE_ATTACH_IOMMUFD_PT of {path} {ends}",
                $"   6 right    IOMMU_IOAS_MAP of /dev/iommu {ends}", "6 runs: 6 right", "",
            ],
            ending.MustEnd().Output.Split('\n'));
        Assert.Equal("", ending.Error);
    }

    [Theory]
    [InlineData("retry", 0, "right    IOMMU_IOAS_MAP of /dev/iommu fails: the program ends with exit code 0, "
        + "made the call again")]
    [InlineData("leak", 1, "leaked   IOMMU_IOAS_MAP of /dev/iommu fails: the program ends with exit code 1, "
        + "left 1 ioas")]
    [InlineData("ignore", 1, "ignored  IOMMU_IOAS_MAP of /dev/iommu fails: the program ends with exit code 0")]
    [InlineData("crash", 1, "crashed  IOMMU_IOAS_MAP of /dev/iommu fails: the program is killed by signal 6")]
    [InlineData("hang", 1, "hung     IOMMU_IOAS_MAP of /dev/iommu fails: the program hangs")]
    public async Task A_fault_is_found(string kind, int code, string line)
    {
        string verdict = line.Split(' ')[0];
        (await FailNth(["--fail-calls", "IOMMU_IOAS_MAP", "--time-limit", "10"], kind)).MustEnd(code)
            .MustSay($"   1 {line}\n", $"1 runs: 1 {verdict}\n");
    }

    [Fact]
    public async Task One_run_can_be_done_by_itself()
    {
        Ending ending = (await Run(["--fail-call", "6", "--fail-errno", "EBUSY"], bench.Client("failing"), "crash",
            Machine.DmaTest)).MustEnd(134);
        Assert.Equal("", ending.Output);
    }

    [Fact]
    public async Task A_program_that_fails_by_itself_is_no_measure()
    {
        Ending ending = (await Run(["--fail-nth"], "sh", "-c", "echo why >&2; exit 3")).MustEnd(125);
        Assert.Equal(
            "ioasis: the program ends with exit code 3 where no call fails, so there is nothing to compare with.\n"
                + "              why\n", ending.Error);
        ending = (await Run(["--fail-nth"], "true")).MustEnd(125);
        Assert.Equal("ioasis: the program makes no call that can fail (see --fail-calls).\n", ending.Error);
    }

    private Task<Ending> FailNth(string[] options, string kind) =>
        Run(["--fail-nth", .. options], bench.Client("failing"), kind, Machine.DmaTest);

    private Task<Ending> Run(string[] options, params string[] program) => Execution.Run(
        [bench.Launcher(Who.Self), "run", "--device", $"dmatest@{Machine.DmaTest}", .. options, "--", .. program]);
}
