using Ioasis.Cli.Verbs;

namespace Ioasis.Tests.Cli;

/// <summary>Where a command line ends and the program begins.</summary>
public sealed class ProgramWordsTests
{
    [Theory]
    [InlineData("run ls -l", "run", "ls -l")]
    [InlineData("run -- ls -l", "run", "ls -l")]
    [InlineData("run -- -x", "run", "-x")]
    [InlineData("run ls -- -l", "run", "ls -- -l")]
    [InlineData("run --check true --device edu", "run --check", "true --device edu")]
    [InlineData("run --device edu ls", "run --device edu", "ls")]
    [InlineData("run --device=edu ls", "run --device=edu", "ls")]
    [InlineData("run --device edu -e inject=dma:fault --strict-sva -- ls", "run --device edu -e inject=dma:fault "
        + "--strict-sva", "ls")]
    [InlineData("run --web ls", "run --web", "ls")]
    [InlineData("run --web=8080 ls", "run --web=8080", "ls")]
    [InlineData("run --web --check -- ls", "run --web --check", "ls")]
    [InlineData("run --devic edu -- ls", "run --devic edu", "ls")]
    [InlineData("run --devic edu ls", "run --devic edu ls", null)]
    [InlineData("run --help", "run --help", null)]
    [InlineData("trace -tt -o f ls", "trace -tt -o f", "ls")]
    [InlineData("trace convert f", "trace convert f", null)]
    [InlineData("trace -- convert f", "trace", "convert f")]
    [InlineData("devices x", "devices x", null)]
    public void TheProgramBeginsWithTheFirstWordThatIsNoOption(string line, string ours, string? program)
    {
        var words = new ProgramWords();
        string[] left = words.Take(
            CommandLine.Build(words, TextWriter.Null, TextWriter.Null), line.Split(' '), out string? complaint);
        Assert.Equal((ours, program, null),
            (string.Join(' ', left), words.Words is { } w ? string.Join(' ', w) : null, complaint));
    }
}
