namespace Ioasis.EndToEnd;

/// <summary>How mdevs come and go under programs that use them, and that are killed meanwhile.</summary>
public sealed class MdevLifeTests(Workbench bench)
{
    private const string Parent = "1000:00:05.0";
    private const string Channels = $"/sys/class/mdev_bus/{Parent}/mdev_supported_types/dmatest-1ch";
    private const string Edus = "/sys/class/mdev_bus/edus/mdev_supported_types/edu-1";
    private const string Uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001";
    private const int WarmUp = 100, Cycles = 900; // together a thousand

    /// <summary>Does as it is told, line by line: the supervisor is one and the same for all of it.</summary>
    private const string Script = """
        tree() {
          find /sys/bus/mdev /sys/class/mdev_bus /sys/devices/virtual/edu /sys/devices/pci1000:00 /dev/vfio \
            /sys/kernel/iommu_groups /sys/dev/char | sort
        }
        tree > "$1/before"
        while read count seed; do
          "$2" $count $seed "$3" "$4" || exit 9
          tree > "$1/after"
          cmp "$1/before" "$1/after" || exit 8
          echo done
        done
        """;

    /// <summary>An edu that is an emulated mdev moves data by look-up and through pinned pages.</summary>
    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task An_emulated_mdev_moves_what_is_mapped_and_nothing_later(Who who) =>
        (await Execution.Run([.. Workbench.As(who), bench.Launcher(who), "run", "--mdev", $"edu-1@edus,uuid={Uuid}",
            "--", bench.Client("edu_mdev"), Uuid])).MustEnd().MustSay(
            "edu by pread/pwrite: all as it must be", "looked up: 200 unmaps", "pinned: 200 unmaps", "messages: ok",
            "moved, detached, stopped, reset: ok", "edu_mdev: all as it must be");

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task What_is_open_or_mapped_keeps_an_mdev_and_its_owner_is_asked(Who who) =>
        (await Execution.Run(bench.UnderIoasis(who, [$"dmatest@{Parent},mdevs=2"], bench.Client("mdev_life"),
            Channels))).MustEnd().MustSay(
            "an open file, whose owner is asked: ok", "a mapping whose file is closed: ok",
            "a driver that is unbound: ok", "mdev_life: all as it must be");

    /// <summary>A thousand programs, killed at random points, leave nothing: no mdev, path, file, thread.</summary>
    [Fact]
    public async Task Killed_programs_leave_nothing()
    {
        string scratch = await bench.Scratch(Who.Self);
        using Execution execution = Execution.Start(bench.UnderIoasis(Who.Self,
            [$"dmatest@{Parent},mdevs=4", "edus"], "sh", "-c", Script, "cycles", scratch, bench.Client("mdev_cycles"),
            Channels, Edus), patience: TimeSpan.FromMinutes(8));
        await Order(WarmUp, 1); // what is made once and kept is there from now on
        await Order(WarmUp, 2);
        ProcessState before = ProcessState.Of(execution.Id);
        await Order(Cycles, 3);
        ProcessState after = ProcessState.Of(execution.Id);

        // The last program's own close may still be on its way: another program's turn is the event to wait for.
        for (int i = 0; i < 50 && !after.IsLike(before); i++)
        {
            await Order(1, 4 + i);
            after = ProcessState.Of(execution.Id);
        }

        (await execution.End()).MustEnd().MustSay("mdev_cycles: nothing is left");
        Assert.True(after.IsLike(before), $"expected about {before} after {Cycles} programs, came {after}");

        async Task Order(int count, int seed)
        {
            await execution.Say($"{count} {seed}\n");
            await execution.Hear("done");
        }
    }

    /// <summary>What a process holds.</summary>
    private sealed record ProcessState(string[] Descriptors, int Threads, long ResidentKib)
    {
        // Threads that serve come and go; the heap has some play.
        private const int SpareThreads = 10;
        private const long SpareKib = 48 << 10;

        internal static ProcessState Of(int process) => new(
            OpenDescriptors.Of(process),
            Directory.EnumerateDirectories($"/proc/{process}/task").Count(),
            long.Parse(File.ReadLines($"/proc/{process}/status")
                .First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ', '\t')[^2], null));

        internal bool IsLike(ProcessState earlier) => Descriptors.Length <= earlier.Descriptors.Length
            && Threads < earlier.Threads + SpareThreads && ResidentKib < earlier.ResidentKib + SpareKib;

        public override string ToString() =>
            $"{Descriptors.Length} descriptors ({string.Join(", ", Descriptors)}), {Threads} threads, "
                + $"{ResidentKib} KiB";
    }
}
