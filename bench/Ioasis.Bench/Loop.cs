namespace Ioasis.Bench;

/// <summary>How a loop is measured that is given a number of repetitions and says how long each took.</summary>
internal static class Loop
{
    private const int Slice = 1 << 16, Slices = 40, Calls = 60;

    /// <summary>
    /// Lets the compiler see a loop often enough that it is compiled as in a program that has run for a while.
    /// </summary>
    internal static void Warm(Func<int, double> loop)
    {
        for (int pass = 0; pass < 2; pass++) // what is instrumented first, then what was seen
        {
            for (int i = 0; i < Calls; i++) loop(1 << 12);
            Settle();
        }
    }

    /// <summary>
    /// Lets the compiler finish with what has run: it waits until nothing new has come for a while, and tells nobody
    /// when it is done.
    /// </summary>
    internal static void Settle() => Thread.Sleep(250);

    /// <summary>
    /// The best of several short runs, as the C does it: what takes the processor away counts in one of them.
    /// </summary>
    internal static double Best(Func<int, double> loop)
    {
        double best = double.MaxValue;
        for (int i = 0; i < Slices; i++) best = Math.Min(best, loop(Slice));
        return best;
    }
}
