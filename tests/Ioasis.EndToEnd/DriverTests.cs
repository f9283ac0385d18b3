namespace Ioasis.EndToEnd;

/// <summary>The NVMe driver of the examples, a program of its own.</summary>
public sealed class DriverTests(Workbench bench)
{
    private const string Controller = "1000:00:05.0";

    /// <summary>
    /// Checksums of everything that was written, while the controller is reset with commands in flight.
    /// </summary>
    [Theory]
    [InlineData(Who.Self, 4096, 32)]
    [InlineData(Who.Nobody, 4096, 32)]
    [InlineData(Who.Nobody, 131072, 8)]
    public async Task What_the_driver_writes_it_reads_back_and_resets_lose_nothing(Who who, int bytes, int depth) =>
        (await Execution.Run(bench.UnderIoasis(who, [$"nvme@{Controller},size=32M"],
            [.. await Driver(who), "--block", $"{bytes}", "--depth", $"{depth}", "--resets", "4", "verify", "32"])))
            .MustEnd().MustSay($"verified 32 MiB in commands of {bytes} bytes, {depth} at a time, ");

    [Theory]
    [InlineData("--process")]
    [InlineData("--host")]
    public async Task The_driver_is_the_same_with_a_machine_in_its_process(string home) =>
        (await Execution.Run([.. await Driver(Who.Self), home, "verify", "8"]))
            .MustEnd().MustSay("verified 8 MiB in commands of 4096 bytes, 32 at a time, 0 resets");

    [Fact]
    public async Task Two_runs_of_the_driver_share_a_file_and_the_second_has_the_first_ones_bytes()
    {
        string folder = await bench.Scratch(Who.Nobody);
        string driver = string.Join(' ', await Driver(Who.Nobody));
        (await Execution.Run(bench.UnderIoasis(Who.Nobody, [$"nvme@{Controller},file={folder}/disk,size=4M"],
            "sh", "-c", $"head -c 1000448 /dev/urandom > {folder}/in && {driver} write 512000 < {folder}/in && "
            + $"{driver} read 512000 1000448 > {folder}/out && cmp {folder}/in {folder}/out && echo the same")))
            .MustEnd().MustSay("the same");
    }

    /// <summary>
    /// Nothing is allocated in code that is not optimized either, so it does not count when the runtime optimizes it.
    /// </summary>
    [Theory]
    [InlineData("1")]
    [InlineData("0")]
    public async Task A_benchmark_by_polling_allocates_nothing(string optimizes)
    {
        foreach (string[] option in (string[][])[[], ["--map"]])
        {
            (await Execution.Run(bench.UnderIoasis(Who.Self, [$"nvme@{Controller},size=32M"],
                ["env", $"DOTNET_TC_CallCounting={optimizes}", .. await Driver(Who.Self), .. option, "bench", "1"])))
                .MustEnd().MustSay("reads of 4096 bytes a second, 32 in flight, ", ", 0 bytes allocated a read");
        }
    }

    /// <summary>The words that start the driver as somebody who may not be able to read the tree.</summary>
    private async Task<string[]> Driver(Who who)
    {
        string built = Path.Combine(bench.Root, "artifacts/bin/NvmeDriver/release");
        if (who == Who.Self) return ["dotnet", Path.Combine(built, "NvmeDriver.dll")];
        string copy = Path.Combine(await bench.Scratch(Who.Self), "driver");
        (await Execution.Run(["cp", "-r", built, copy])).MustEnd();
        (await Execution.Run(["chmod", "-R", "a+rX", Path.GetDirectoryName(copy)!])).MustEnd();
        return ["dotnet", Path.Combine(copy, "NvmeDriver.dll")];
    }
}
