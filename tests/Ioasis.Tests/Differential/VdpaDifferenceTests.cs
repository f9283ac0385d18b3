using Ioasis.Replay.Calls;
using Ioasis.Replay.Generator;
using Ioasis.Replay.InProcess;

namespace Ioasis.Tests.Differential;

public sealed class VdpaDifferenceTests
{
    [Fact]
    public void ASeedGivesTheSameSequenceEachTimeAndItReadsBackAsItIsWritten()
    {
        (List<Call> calls, List<string> answers) = VdpaSequenceGenerator.Generate(7, 2000);
        string[] lines = [.. calls.Select(c => c.ToString())];
        Assert.Equal(lines, VdpaSequenceGenerator.Generate(7, 2000).Calls.Select(c => c.ToString()));
        Assert.Equal(answers, Player.PlayAll(Call.ParseAll(lines)));
        Assert.NotEqual(lines, VdpaSequenceGenerator.Generate(8, 2000).Calls.Select(c => c.ToString()));
    }

    [Fact]
    public void SequencesReachEveryCallAndManyOfItsErrors()
    {
        (List<Call> calls, List<string> answers) = VdpaSequenceGenerator.Generate(9, 20_000);
        string[] succeeded =
            [.. calls.Zip(answers).Where(c => c.Second.StartsWith('0')).Select(c => c.First.Name).Distinct()];

        string[] never = ["vdpa_raw", "reset_owner", "set_log_base", "set_log_fd", "desc_group"];
        Assert.Equal(calls.Select(c => c.Name).Distinct().Except(never).Order(), succeeded.Order());
        string[] errors = ["EBADF", "EBUSY", "EFAULT", "EINVAL", "ENOBUFS", "ENOTTY", "EOPNOTSUPP", "EPERM"];
        Assert.Equal(["0", .. errors], answers.Select(a => a.Split(' ')[0]).Distinct().Order(StringComparer.Ordinal));
        Assert.InRange(answers.Count(a => a.StartsWith('0')), 8_000, 16_000);
    }
}
