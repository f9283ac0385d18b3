using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Ioasis.Memory.Threads;

/// <summary>
/// Checks that each thread takes locks in the order of their ranks: in Debug builds, and in Release builds if the
/// runtime switch <c>Ioasis.LockOrder</c> or the environment variable IOASIS_LOCK_ORDER=1 says so. A lock against the
/// order ends the process with a message that names both.
/// </summary>
internal static class LockOrder
{
    private static readonly bool s_isChecked = Decide();

    [ThreadStatic]
    private static HeldLocks? s_held;

    /// <summary>
    /// Whether the order is checked. The compiler of methods that run often knows the value, and leaves the checks out.
    /// </summary>
    internal static bool IsChecked => s_isChecked;

    /// <summary>Of this thread.</summary>
    internal static HeldLocks Held => s_held ??= new HeldLocks();

    internal static void Enter(object taken, LockRank rank) => Judge(Held.TryAdd(taken, rank));

    internal static void EnterAmongMany(object taken, LockRank rank) => Judge(Held.TryAddToMany(taken, rank));

    internal static void EnterInAnyOrder(object taken, LockRank rank) => Held.Add(taken, rank);

    internal static void Exit() => Held.RemoveLast();

    private static void Judge(string? violation)
    {
        if (violation is not null) End(violation);
    }

    // Not inlined: compiling it opens assemblies, which would count as descriptors that somebody has left behind.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void End(string violation)
    {
        IEnumerable<string> frames = Environment.StackTrace.Split('\n')
            .Where(frame => frame.Contains(" Ioasis.", StringComparison.Ordinal));
        Console.Error.WriteLine($"{violation}\n{string.Join('\n', frames.Take(16))}");
        using var self = Process.GetCurrentProcess();
        self.Kill(); // nothing of it is to go on
    }

    private static bool Decide()
    {
#if DEBUG
        return true;
#else
        return AppContext.TryGetSwitch("Ioasis.LockOrder", out bool isOn)
            ? isOn
            : Environment.GetEnvironmentVariable("IOASIS_LOCK_ORDER") == "1";
#endif
    }
}
