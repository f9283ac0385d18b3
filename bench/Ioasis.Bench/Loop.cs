namespace Ioasis.Bench;

/// <summary>Measures a loop that takes a number of repetitions and returns the time for each.</summary>
internal static class Loop
{
    private const int Slice = 1 << 16, Slices = 40, Calls = 60;

    /// <summary>Runs a loop until the compiler has optimized it as in a program that has run for a while.</summary>
    internal static void Warm(Func<int, double> loop)
    {
        for (int pass = 0; pass < 2; pass++) // first instrumented, then optimized for the profile
        {
            for (int i = 0; i < Calls; i++) loop(1 << 12);
            Settle();
        }
    }

    /// <summary>
    /// Waits for the compiler to finish. It waits until nothing new has come for a while, and does not report when it
    /// is done.
    /// </summary>
    internal static void Settle() => Thread.Sleep(250);

    /// <summary>The best of several short runs, as in C: other load affects only some of them.</summary>
    internal static double Best(Func<int, double> loop)
    {
        double best = double.MaxValue;
        for (int i = 0; i < Slices; i++) best = Math.Min(best, loop(Slice));
        return best;
    }
}
