namespace Ioasis.EndToEnd;

/// <summary>
/// A program killed with SIGKILL in the middle of a DMA leaves nothing behind: no object, descriptor or thread.
/// </summary>
public sealed class KilledTests(Workbench bench)
{
    private const int Cycles = 10;

    /// <summary>Does as it is told, line by line: the supervisor is one and the same for all of it.</summary>
    private const string Script = """
        cd "$3" && mkfifo held
        hold_and_kill() {
          "$1" hold "$2" >held & victim=$!
          read word <held
          [ "$word" = holding ] || exit 9
          kill -9 $victim
          wait $victim 2>/dev/null
          [ $? = 137 ] || exit 8
        }
        while read order; do
          case $order in
            cycle) hold_and_kill "$1" "$2"; "$1" check "$2" || exit 7 ;;
            check) "$1" check "$2" || exit 6 ;;
          esac
          echo done
        done
        """;

    [Theory]
    [InlineData(Who.Self, Machine.DmaTest)]
    [InlineData(Who.Nobody, Machine.DmaTest)]
    [InlineData(Who.Self, Machine.Edu)]
    public async Task Killed_in_the_middle_of_a_DMA_everything_is_given_back(Who who, string bdf)
    {
        using Execution execution = Execution.Start(bench.UnderIoasis(who, Machine.Devices,
            "sh", "-c", Script, "killed", bench.Client("killed"), bdf, await bench.Scratch(who)));

        async Task Order(string order)
        {
            await execution.Say(order + "\n");
            await execution.Hear("done");
        }

        await Order("cycle"); // what is made once and kept is there from now on
        await Order("cycle");
        string[] before = OpenDescriptors.Of(execution.Id);
        int threads = Threads(execution.Id);
        for (int i = 0; i < Cycles; i++)
            await Order("cycle");

        // The last program's own close may still be on its way: another program's turn is the event to wait for.
        string[] after = OpenDescriptors.Of(execution.Id);
        for (int i = 0; i < 50 && (after.Length > before.Length || Threads(execution.Id) >= threads + Cycles); i++)
        {
            await Order("check");
            after = OpenDescriptors.Of(execution.Id);
        }
        Assert.True(after.Length <= before.Length,
            $"expected {before.Length} descriptors, came {after.Length}: {string.Join(", ", after.Except(before))}");
        int left = Threads(execution.Id);
        Assert.True(left < threads + Cycles,
            $"expected about {threads} threads after {Cycles} killed programs, came {left}");
        (await execution.End()).MustEnd();
    }

    private static int Threads(int process) => Directory.EnumerateDirectories($"/proc/{process}/task").Count();
}
