using System.Globalization;
using System.Text.RegularExpressions;
using Ioasis.Abi;
using Ioasis.Core.Injection;
using Ioasis.Memory;

namespace Ioasis.Diagnostics.Injection;

/// <summary>One rule of what goes wrong, as strace's <c>-e inject=SET:OPTION=VALUE...</c> writes it.</summary>
internal sealed partial class InjectionRule
{
    private static readonly TimeSpan s_usualDelay = TimeSpan.FromMilliseconds(1), s_mostDelay = TimeSpan.FromMinutes(1);

    private InjectionMoments _moments = InjectionMoments.Always;
    private double _probability = 1;
    private ulong _seed;
    private long _count;

    /// <summary>What goes wrong.</summary>
    internal InjectedFaults Fault { get; private set; } = InjectedFaults.Call;

    /// <summary>The words of the calls that fail; empty for a fault of another kind.</summary>
    internal IReadOnlyList<string> Calls { get; private set; } = [];

    /// <summary>The errno with which they fail.</summary>
    internal Errno Errno { get; private set; }

    /// <summary>How much longer it takes, if it is a fault that delays.</summary>
    internal TimeSpan Delay { get; private set; } = s_usualDelay;

    /// <summary>The only device that is meant; null for all.</summary>
    internal string? Device { get; private set; }

    /// <summary>Counts one thing that the rule matches; whether it goes wrong.</summary>
    internal bool Strikes()
    {
        long number = Interlocked.Increment(ref _count);
        return _moments.Has(number) && (_probability >= 1 || Random(_seed + (ulong)number) < _probability);
    }

    /// <summary>Reads a rule.</summary>
    /// <param name="text">The rule, after <c>inject=</c>.</param>
    /// <param name="seed">The seed, unless the rule has one.</param>
    /// <param name="rule">The rule.</param>
    /// <returns>What is wrong with it; null if nothing is.</returns>
    internal static string? TryRead(string text, ulong seed, out InjectionRule rule)
    {
        rule = new InjectionRule { _seed = seed };
        string[] parts = Options().Split(text);
        return (rule.ReadSet(parts[0]) ?? rule.ReadOptions(parts[1..])) is { } wrong
            ? $"inject={text}: {wrong}"
            : null;
    }

    private string? ReadSet(string set)
    {
        Fault = InjectionWords.FaultOf(set);
        if (Fault != InjectedFaults.None) return null;
        Fault = InjectedFaults.Call;
        Calls = set.Split(',');
        foreach (string word in Calls)
        {
            if (word.Contains(':', StringComparison.Ordinal))
                return $"\"{word}\" is nothing that can go wrong; expected one of: {InjectionWords.Faults}";
            if (!InjectionWords.IsCall(word))
                return InjectionWords.NoCall(word);
        }

        return null;
    }

    private string? ReadOptions(string[] options)
    {
        HashSet<string> names = [];
        foreach (string option in options)
        {
            string[] pair = option.Split('=', 2);
            if (!names.Add(pair[0])) return $"{pair[0]} given twice";
            if (Set(pair[0], pair[1]) is { } wrong) return wrong;
        }

        if (Fault == InjectedFaults.Call && !names.Contains("error"))
            return "a call fails with an errno, as in: error=ENOMEM";
        return names.Contains("seed") && !names.Contains("probability")
            ? "seed is of use only with probability"
            : null;
    }

    private string? Set(string name, string value)
    {
        switch (name)
        {
            case "error" when Fault == InjectedFaults.Call:
                Errno = ErrnoOf(value);
                return Errno == Errno.None ? $"\"{value}\" is no errno such as ENOMEM" : null;
            case "when":
                return InjectionMoments.TryRead(value, out _moments)
                    ? null
                    : $"\"{value}\" does not say when; expected N, N+, N+STEP, N..M or N..M+STEP, counted from 1";
            case "delay" when Fault is InjectedFaults.DmaDelay or InjectedFaults.InvalidationSlow:
                return TryReadDelay(value) ? null : $"\"{value}\" is no delay such as 500us, 20ms or 1s, up to 60s";
            case "probability":
                return double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture,
                    out _probability) && _probability is > 0 and <= 1
                    ? null
                    : $"\"{value}\" is no probability such as 0.25";
            case "seed":
                return ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out _seed)
                    ? null
                    : $"\"{value}\" is no seed: a number that is not negative";
            case "device" when Fault is not (InjectedFaults.Call or InjectedFaults.PasidExhausted
                or InjectedFaults.InvalidationDropped or InjectedFaults.InvalidationSlow):
                Device = RequesterId.TryParse(value, out RequesterId function) ? function.ToString() : value;
                return null;
            default:
                return $"\"{name}\" says nothing about {(Fault == InjectedFaults.Call ? "calls"
                    : InjectionWords.Of(Fault))}; expected some of: {Known}";
        }
    }

    private string Known => Fault switch
    {
        InjectedFaults.Call => "error, when, probability, seed",
        InjectedFaults.DmaDelay => "delay, device, when, probability, seed",
        InjectedFaults.InvalidationSlow => "delay, when, probability, seed",
        InjectedFaults.InvalidationDropped or InjectedFaults.PasidExhausted => "when, probability, seed",
        _ => "device, when, probability, seed",
    };

    private bool TryReadDelay(string text)
    {
        if (DelayExpression().Match(text) is not { Success: true } match) return false;
        long number = long.Parse(match.Groups["number"].ValueSpan, CultureInfo.InvariantCulture);
        Delay = match.Groups["unit"].Value switch
        {
            "s" => TimeSpan.FromSeconds(number),
            "ms" => TimeSpan.FromMilliseconds(number),
            _ => TimeSpan.FromMicroseconds(number),
        };
        return Delay <= s_mostDelay;
    }

    private static Errno ErrnoOf(string text) =>
        text.StartsWith('E') && Enum.TryParse(text, out Errno named) && Enum.IsDefined(named) ? named : Errno.None;

    // SplitMix64, of which each number has one result: so the choice does not depend on which thread asks first.
    private static double Random(ulong number)
    {
        ulong z = unchecked((number + 1) * 0x9e3779b97f4a7c15);
        z = unchecked((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9);
        z = unchecked((z ^ (z >> 27)) * 0x94d049bb133111eb);
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
    }

    // A device's address has colons, too.
    [GeneratedRegex(":(?=[a-z]+=)")]
    private static partial Regex Options();

    [GeneratedRegex("^(?<number>[0-9]{1,9})(?<unit>us|ms|s)?$")]
    private static partial Regex DelayExpression();
}
