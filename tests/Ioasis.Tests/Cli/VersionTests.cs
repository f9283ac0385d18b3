using System.Text.RegularExpressions;
using Ioasis.Cli.Verbs;

namespace Ioasis.Tests.Cli;

/// <summary>What <c>ioasis --version</c> says.</summary>
public sealed partial class VersionTests
{
    [Fact]
    public void Version_tells_ours_and_that_of_the_uAPI()
    {
        using var output = new StringWriter();
        Assert.Equal(0, CommandLine.Invoke(["--version"], output, TextWriter.Null));
        string[] lines = output.ToString().TrimEnd().Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.Matches(@"^ioasis \d+\.\d+\.\d+(-[0-9a-z.-]+)?(\+[0-9a-f]{12})?$", lines[0]);
        Assert.Equal($"uAPI of Linux {SeriesOfTheHeaders()}", lines[1]);
    }

    [Theory]
    [InlineData("1.2.3+0123456789abcdef", "1.2.3+0123456789ab")]
    [InlineData("1.2.3+0123", "1.2.3+0123")]
    [InlineData("1.2.3-rc.1", "1.2.3-rc.1")]
    public void Commit_is_shortened(string full, string shown) => Assert.Equal(shown, VersionView.Shorten(full));

    /// <summary>The release of Linux whose headers the tests compile against.</summary>
    private static string SeriesOfTheHeaders()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "eng/uapi-headers.sh"))) folder = folder.Parent;
        return Series().Match(File.ReadAllText(Path.Combine(folder.FullName, "eng/uapi-headers.sh"))).Groups[1].Value;
    }

    [GeneratedRegex(@"^series=(\S+)", RegexOptions.Multiline)]
    private static partial Regex Series();
}
