namespace Ioasis.EndToEnd;

/// <summary>Nodes that take messages, and attributes that answer a write of their sizes, from a plug-in.</summary>
public sealed class MessageTests(Workbench bench)
{
    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task Messages_are_written_read_and_polled_for(Who who) =>
        (await Run(who, bench.Client("messages"))).MustEnd().MustSay("letters: ok", "echo: ok", "attribute: ok");

    [Fact]
    public async Task The_majors_of_nodes_are_in_proc() =>
        (await Run(Who.Self, "grep", "-E", "^ *24[01] ", "/proc/devices")).MustEnd().MustSay("240 letters", "241 echo");

    private Task<Ending> Run(Who who, params IEnumerable<string> program)
    {
        string plugin = Path.Combine(bench.Root, "artifacts/bin/Ioasis.MessageNodes/release/Ioasis.MessageNodes.dll");
        return Execution.Run(
            [.. Workbench.As(who), bench.Launcher(who), "run", "--plugin", plugin, "--", .. program]);
    }
}
