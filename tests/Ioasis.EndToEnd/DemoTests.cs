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
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Devices_lists_the_machine(Who who) =>
        (await Execution.Run([.. Workbench.As(who), bench.Launcher(who), "devices"])).MustEnd().MustSay("edu", "dmatest");
}
