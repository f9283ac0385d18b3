using System.Text.RegularExpressions;

namespace Ioasis.Tests.Architecture;

/// <summary>Each errno that the uAPI's rooms answer has the sentence that says why.</summary>
public sealed partial class RefusalTests
{
    private static readonly string[] s_rooms = ["Ioasis.Iommufd", "Ioasis.Passthrough"];

    // StatusErrno gives each errno the sentence of its status, in a second table.
    private static readonly string[] s_exceptions = ["src/Ioasis.Iommufd/Objects/StatusErrno.cs"];

    [Fact]
    public void EveryErrnoSaysWhy()
    {
        int explained = 0;
        List<string> bare = [];
        foreach (string file in s_rooms.SelectMany(Repository.Sources))
        {
            string name = Repository.Relative(file), code = Comments().Replace(File.ReadAllText(file), "");
            explained += Explained().Count(code);
            if (s_exceptions.Contains(name)) continue;
            bare.AddRange(Answers(code).Select(line => $"{name}: {line}"));
        }

        Assert.Equal([], bare);
        Assert.True(explained > 300, $"only {explained} sentences were found");
    }

    [Theory]
    [InlineData("return Errno.EINVAL;", 1)]
    [InlineData("if (errno != Errno.ENOENT) return Errno.EBUSY;", 1)]
    [InlineData("return a ? Errno.None : Errno.EFAULT;", 1)]
    [InlineData("errno = errno == Errno.E2BIG ? b : Errno.EFAULT.Because(\"...\");", 0)]
    [InlineData("if (errno is Errno.EMFILE or Errno.ENFILE) continue;", 0)]
    [InlineData("errno is not (Errno.EMFILE or Errno.ENFILE)", 0)]
    [InlineData("return Errno.EINVAL\n    .Because(\"...\");", 0)]
    public void AnAnswerIsToldFromAComparison(string code, int answers) => Assert.Equal(answers, Answers(code).Count());

    /// <summary>The lines of code that answer an errno without a sentence.</summary>
    private static IEnumerable<string> Answers(string code) => Bare().Matches(code)
        .Select(m => code[(code.LastIndexOf('\n', m.Index) + 1)..].Split('\n')[0].Trim());

    [GeneratedRegex(@"//.*$|/\*.*?\*/", RegexOptions.Multiline)]
    private static partial Regex Comments();

    [GeneratedRegex(@"\.Because\(")]
    private static partial Regex Explained();

    // Neither compared, nor explained. A pattern may go on with "or".
    [GeneratedRegex(
        @"(?<!(==|!=|\bis|\bis not|\bor|\bcase)\s+\(?(Abi\.)?)\bErrno\.E[A-Z0-9]+\b(?!\s*\.\s*(Because|As)\()")]
    private static partial Regex Bare();
}
