using Ioasis.Replay.Calls;
using Ioasis.Replay.Comparison;
using Ioasis.Replay.Generator;
using Ioasis.Replay.InProcess;

namespace Ioasis.Tests.Differential;

public sealed class DifferenceTests
{
    [Fact]
    public void ASeedGivesTheSameSequenceEachTimeAndItReadsBackAsItIsWritten()
    {
        (List<Call> calls, List<string> answers) = SequenceGenerator.Generate(7, 2000);
        string[] lines = [.. calls.Select(c => c.ToString())];
        Assert.Equal(lines, SequenceGenerator.Generate(7, 2000).Calls.Select(c => c.ToString()));
        Assert.Equal(answers, Player.PlayAll(Call.ParseAll(lines)));
        Assert.NotEqual(lines, SequenceGenerator.Generate(8, 2000).Calls.Select(c => c.ToString()));
    }

    [Fact]
    public void SequencesReachEveryCallAndManyOfItsErrors()
    {
        (List<Call> calls, List<string> answers) = SequenceGenerator.Generate(9, 20_000);
        string[] succeeded =
            [.. calls.Zip(answers).Where(c => c.Second.StartsWith('0')).Select(c => c.First.Name).Distinct()];

        // The unit that is compared has neither dirty tracking nor anything for guests.
        string[] never = ["raw", "set_dirty_tracking", "get_dirty_bitmap", "invalidate", "viommu", "vdevice", "veventq",
            "hw_queue", "vfio_dirty"];
        Assert.Equal(calls.Select(c => c.Name).Distinct().Except(never).Order(), succeeded.Order());
        Assert.True(answers.Select(a => a.Split(' ')[0]).Distinct().Count() > 14);
        Assert.InRange(answers.Count(a => a.StartsWith('0')), 6_000, 16_000);
    }

    [Fact]
    public void OnlyTheFirstDifferenceBetweenTwoResetsIsTold()
    {
        List<Call> calls = Call.ParseAll(["reset", "ioas_alloc", "ioas_alloc", "reset", "ioas_alloc"]);
        List<string> ours = Player.PlayAll(calls);
        Assert.Equal(["0", "0 out_ioas_id=0x1", "0 out_ioas_id=0x2", "0", "0 out_ioas_id=0x1"], ours);
        Assert.Empty(Difference.Find(calls, ours, ours));
        Assert.Equal([1, 4], Difference.Find(calls, ours, ["0", "EINVAL", "EINVAL", "0"]).Select(d => d.Index));
    }
}
