namespace Ioasis.EndToEnd;

/// <summary>What a newcomer runs first, as an ordinary user, from a tree that is not theirs.</summary>
public sealed class DemoTests(Workbench bench)
{
    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Demo_proves_what_it_says(Who who)
    {
        Ending ending = (await Execution.Run([.. Workbench.As(who), bench.Launcher(who), "demo"])).MustEnd();
        Assert.NotEmpty(ending.Output.Trim());
    }

    [Theory]
    [InlineData(Who.Self, "nested", "Proved, by 15 checks", "the read completed with all bytes")]
    [InlineData(Who.Nobody, "nested", "Proved, by 15 checks", "the read completed with all bytes")]
    [InlineData(Who.Self, "vsva", "Proved, by 19 checks", "all 32768 bytes arrived")]
    [InlineData(Who.Nobody, "vsva", "Proved, by 19 checks", "all 32768 bytes arrived")]
    public async Task Demo_of_a_guest_proves_what_it_says(Who who, string which, params string[] says) =>
        (await Execution.Run([.. Workbench.As(who), bench.Launcher(who), "demo", which])).MustEnd().MustSay(says);

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Devices_lists_the_machine(Who who) =>
        (await Execution.Run([.. Workbench.As(who), bench.Launcher(who), "devices"]))
        .MustEnd().MustSay("edu", "dmatest");

    [Fact]
    public async Task A_model_of_ones_own_is_plugged_in()
    {
        string plugin = Path.Combine(bench.Root, "artifacts/bin/DoublerDevice/release/DoublerDevice.dll");
        string[] machine = ["--plugin", plugin, "--device", "doubler@0000:00:09.0"];
        (await Execution.Run([bench.Launcher(Who.Self), "devices", .. machine]))
            .MustEnd().MustSay("0000:00:09.0  doubler  1234:0002");
        (await Execution.Run([bench.Launcher(Who.Self), "run", .. machine, "--", "cat",
                "/sys/bus/pci/devices/0000:00:09.0/device"])).MustEnd().MustSay("0x0002");
        (await Execution.Run([bench.Launcher(Who.Self), "devices", "--plugin", Path.Combine(bench.Root, "README.md")]))
            .MustEnd(2);
    }
}
