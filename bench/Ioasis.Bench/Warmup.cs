namespace Ioasis.Bench;

/// <summary>Lets the compiler see a loop often enough that it is compiled as in a program that has run for a while.</summary>
internal static class Warmup
{
    private const int Calls = 60;

    /// <summary>Calls what is given a number of repetitions, few at a time.</summary>
    internal static void Of(Func<int, double> loop)
    {
        for (int pass = 0; pass < 2; pass++) // what is instrumented first, then what was seen
        {
            for (int i = 0; i < Calls; i++) loop(1 << 12);
            Thread.Sleep(250); // the compiler waits until nothing new has come for a while
        }
    }
}
