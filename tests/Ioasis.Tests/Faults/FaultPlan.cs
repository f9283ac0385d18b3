namespace Ioasis.Tests.Faults;

/// <summary>
/// Which of the things that can fail on behalf of a program do: copies from and to its memory, looking up and placing
/// files, populating memory, making a page table. None, until it is told.
/// </summary>
internal sealed class FaultPlan
{
    private readonly Func<string, int, bool> _fails;
    private int _count;

    private FaultPlan(Func<string, int, bool> fails) => _fails = fails;

    /// <summary>Nothing fails.</summary>
    internal static FaultPlan None() => new((_, _) => false);

    /// <summary>The point of a number fails, from 0, and no other.</summary>
    internal static FaultPlan Nth(int number) => new((_, count) => count == number);

    /// <summary>Whatever is decided of each point, by its name and number.</summary>
    internal static FaultPlan Of(Func<string, int, bool> fails) => new(fails);

    /// <summary>How many points were passed.</summary>
    internal int Count => Volatile.Read(ref _count);

    /// <summary>The one that failed last; null for none.</summary>
    internal string? Failed { get; private set; }

    /// <summary>Whether what is about to be done fails.</summary>
    internal bool Fails(string point)
    {
        if (!_fails(point, Interlocked.Increment(ref _count) - 1)) return false;
        Failed = point;
        return true;
    }
}
