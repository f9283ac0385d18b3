namespace Ioasis.EndToEnd;

/// <summary>mdevs that are parts of a function, each with a PASID, driven by unmodified programs.</summary>
public sealed class MdevPartTests(Workbench bench)
{
    private const string One = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", Two = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002";
    private const string Parent = "1000:00:05.0";

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Two_processes_have_a_channel_each(Who who)
    {
        const string parent = "1000:00:05.0";
        await bench.Scratch(who);
        (await Execution.Run([
            .. Workbench.As(who), bench.Launcher(who), "run", "--device", $"dmatest@{parent},mdevs=2",
            "--mdev", $"dmatest-1ch@{parent},uuid={One}", "--mdev", $"dmatest-1ch@{parent},uuid={Two}", "--",
            bench.Client("mdev_parts"), One, Two, parent])).MustEnd().MustSay(
            "unmaps beside a million accesses: ok", "reset, bus mastering, and a killed neighbour: ok",
            "mdev_parts: all as it must be");
    }

    /// <summary>The unmodified NVMe driver on two parts of one controller at once; each keeps its blocks.</summary>
    [Fact]
    public async Task Two_drivers_have_a_part_of_the_blocks_each()
    {
        const string parent = "0000:08:00.0";
        string driver = bench.Client("nvme_rw"),
            script = $"{driver} {One} mmap & {driver} {Two} pio && wait $! && {driver} {One} pio READ && "
                + $"{driver} {Two} mmap READ && echo both";
        (await Execution.Run([
            bench.Launcher(Who.Self), "run", "--device", $"nvme@{parent},mdevs=2,size=12M",
            "--mdev", $"nvme-1q@{parent},uuid={One}", "--mdev", $"nvme-1q@{parent},uuid={Two}", "--",
            "sh", "-c", script])).MustEnd().MustSay(
            "serial \"382f3c1ee6bfe0fa1001\"", "namespace 1: 8192 blocks", "nvme_rw: all as it must be", "both");
    }

    /// <summary>The programs' own pointers, by PASIDs of /dev/sva, in descriptors for one shared queue.</summary>
    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Two_programs_share_a_queue_of_a_dsa(Who who) => (await Dsa(who, "dsa-1swq-v1", "dsa_shared"))
        .MustEnd().MustSay("two programs' own pointers on one queue: ok", "pages that were missing: ok",
            "a PASID of somebody else leads nowhere: ok", "a neighbour is killed: ok", "nothing after the unbind: ok",
            "dsa_shared: all as it must be");

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Self, "mmap")]
    [InlineData(Who.Nobody)]
    public async Task A_program_has_a_queue_of_a_dsa(Who who, params string[] how) =>
        (await Dsa(who, "dsa-1dwq-v1", "dsa_dedicated", how))
        .MustEnd().MustSay("one queue with a PASID that nobody sees: ok", "interrupt handles: ok",
            "dsa_dedicated: all as it must be");

    /// <summary>What the programs do with a whole function's PASIDs, they do with an mdev's.</summary>
    [Fact]
    public async Task A_program_gives_an_mdev_its_pointers() => (await Execution.Run([
        bench.Launcher(Who.Self), "run", "--device", $"dmatest@{Parent},mdevs=1",
        "--mdev", $"dmatest-1ch@{Parent},uuid={One}", "--", bench.Client("sva_pointers"), One]))
        .MustEnd().MustSay("pointers of every kind: ok", "sva_pointers: all as it must be");

    private async Task<Ending> Dsa(Who who, string type, string program, params string[] how)
    {
        await bench.Scratch(who);
        return await Execution.Run([
            .. Workbench.As(who), bench.Launcher(who), "run", "--device", $"dsa@{Parent},mdevs=2",
            "--mdev", $"{type}@{Parent},uuid={One}", "--mdev", $"{type}@{Parent},uuid={Two}", "--",
            bench.Client(program), One, Two, .. how]);
    }
}
