using Ioasis.Cli.Verbs;

namespace Ioasis.Tests.Cli;

public sealed class RunTimeTests
{
    [Theory]
    [InlineData("60s", 60)]
    [InlineData("60", 60)]
    [InlineData("0.5m", 30)]
    [InlineData("2h", 7200)]
    [InlineData("1d", 86400)]
    public void ATimeIsReadAsTimeoutReadsIt(string text, double seconds)
    {
        Assert.True(RunTime.TryRead(text, out TimeSpan time));
        Assert.Equal(seconds, time.TotalSeconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("0")]
    [InlineData("-1s")]
    [InlineData("1ms")]
    [InlineData("1s0")]
    [InlineData("25d")]
    public void OtherTextsAreRefused(string text) => Assert.False(RunTime.TryRead(text, out _));
}
