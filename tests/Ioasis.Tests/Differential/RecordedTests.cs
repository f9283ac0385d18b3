using Ioasis.Replay.Calls;
using Ioasis.Replay.Comparison;
using Ioasis.Replay.InProcess;

namespace Ioasis.Tests.Differential;

/// <summary>
/// Sequences that Linux has answered, played again: our answers are the same (eng/differential.sh records and makes up
/// more).
/// </summary>
public sealed class RecordedTests
{
    private static readonly string s_folder = Path.Combine(AppContext.BaseDirectory, "Recorded");

    public static TheoryData<string> Files =>
        [.. Directory.GetFiles(s_folder, "*.txt.gz").Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Files))]
    public void WeAnswerAsLinuxDid(string file)
    {
        (List<Call> calls, List<string> linux) = AnsweredCalls.Read(Path.Combine(s_folder, file));
        Assert.True(calls.Count > 1000);
        List<Difference> differences = Difference.Find(calls, Player.PlayAll(calls), linux);
        Assert.True(differences.Count == 0, string.Join('\n', differences.Prepend<object>($"{file}:")));
    }
}
