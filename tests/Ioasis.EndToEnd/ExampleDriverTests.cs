namespace Ioasis.EndToEnd;

/// <summary>The DSA driver and the virtio-net driver of the examples, programs of their own.</summary>
public sealed class ExampleDriverTests(Workbench bench)
{
    private const string Function = "1000:00:05.0", Next = "1000:00:06.0";

    /// <summary>
    /// The driver's own queue has mapped arrays, two user queues have the program's pointers, and resets come between.
    /// </summary>
    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task The_dsa_driver_computes_the_same_as_the_processor(Who who) =>
        (await Execution.Run(bench.UnderIoasis(who, [$"dsa@{Function}"],
            [.. await Driver(who, "DsaDriver"), "--resets", "3", "verify", "8"])))
            .MustEnd().MustSay("verified 8 MiB on each of 3 queues in descriptors of up to 16384 bytes, 8 at a time, ");

    [Fact]
    public async Task The_dsa_drivers_queue_sends_a_pasid() =>
        (await Execution.Run(bench.UnderIoasis(Who.Nobody, [$"dsa@{Function}"],
            [.. await Driver(Who.Nobody, "DsaDriver"), "info"])))
            .MustEnd().MustSay($"{Function}: 16 entries a queue", "7 user queues; the driver sends PASID 1048575");

    [Fact]
    public async Task A_benchmark_of_the_dsa_by_polling_allocates_nothing()
    {
        Ending run = await Execution.Run(bench.UnderIoasis(Who.Self, [$"dsa@{Function}"],
            [.. await Driver(Who.Self, "DsaDriver"), "bench", "1"]));
        run.MustEnd().MustSay("driver's queue: ", "user queue: ", " 8 in flight, 0 bytes allocated a move");
    }

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task The_virtio_net_driver_gets_back_what_it_sends(Who who)
    {
        foreach (string[] option in (string[][])[[], ["--polls"]])
        {
            (await Execution.Run(bench.UnderIoasis(who, [$"virtio-net@{Function}"],
                [.. await Driver(who, "VirtioNetDriver"), .. option, "verify", "5000"])))
                .MustEnd().MustSay("verified 5000 frames in a loop, 32 at a time, 0 resets");
        }
    }

    [Fact]
    public async Task The_virtio_net_driver_goes_on_after_resets() =>
        (await Execution.Run(bench.UnderIoasis(Who.Nobody, [$"virtio-net@{Function}"],
            [.. await Driver(Who.Nobody, "VirtioNetDriver"), "--resets", "3", "verify", "3000"])))
            .MustEnd().MustSay("verified 3000 frames in a loop, 32 at a time, ");

    [Fact]
    public async Task Two_cards_of_the_virtio_net_driver_exchange_frames() =>
        (await Execution.Run(bench.UnderIoasis(Who.Nobody,
            [$"virtio-net@{Function},link=hub:h", $"virtio-net@{Next},link=hub:h,mac=52:54:00:00:00:02"],
            [.. await Driver(Who.Nobody, "VirtioNetDriver"), "--pair", "verify", "3000"])))
            .MustEnd().MustSay("verified 3000 frames in both directions, 32 at a time, 0 resets");

    [Theory]
    [InlineData("--process")]
    [InlineData("--host")]
    public async Task The_drivers_are_the_same_with_a_machine_in_their_process(string home)
    {
        (await Execution.Run([.. await Driver(Who.Self, "DsaDriver"), home, "verify", "4"]))
            .MustEnd().MustSay("verified 4 MiB on each of 3 queues");
        (await Execution.Run([.. await Driver(Who.Self, "VirtioNetDriver"), home, "--pair", "verify", "2000"]))
            .MustEnd().MustSay("verified 2000 frames in both directions");
    }

    /// <summary>The words that start a driver as somebody who may not be able to read the tree.</summary>
    private async Task<string[]> Driver(Who who, string name)
    {
        string built = Path.Combine(bench.Root, $"artifacts/bin/{name}/release");
        if (who == Who.Self) return ["dotnet", Path.Combine(built, $"{name}.dll")];
        string copy = Path.Combine(await bench.Scratch(Who.Self), "driver");
        (await Execution.Run(["cp", "-r", built, copy])).MustEnd();
        (await Execution.Run(["chmod", "-R", "a+rX", Path.GetDirectoryName(copy)!])).MustEnd();
        return ["dotnet", Path.Combine(copy, $"{name}.dll")];
    }
}
