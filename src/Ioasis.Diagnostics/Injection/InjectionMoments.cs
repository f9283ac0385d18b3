using System.Globalization;
using System.Text.RegularExpressions;

namespace Ioasis.Diagnostics.Injection;

/// <summary>
/// Which of the things that a rule matches go wrong, counted from 1: strace's <c>when=FIRST[..LAST][+[STEP]]</c>.
/// </summary>
/// <param name="First">The first.</param>
/// <param name="Last">The last that may be one of them.</param>
/// <param name="Step">How far each is from the one before.</param>
internal readonly partial record struct InjectionMoments(long First, long Last, long Step)
{
    /// <summary>All.</summary>
    internal static InjectionMoments Always { get; } = new(1, long.MaxValue, 1);

    /// <summary>Whether the one with this number is among them.</summary>
    internal bool Has(long number) => number >= First && number <= Last && (number - First) % Step == 0;

    /// <summary>Reads the expression; false if it is none.</summary>
    internal static bool TryRead(string text, out InjectionMoments moments)
    {
        moments = default;
        if (Expression().Match(text) is not { Success: true } match) return false;
        bool hasLast = match.Groups["last"].Success, repeats = match.Groups["plus"].Success;
        long first = NumberOf(match.Groups["first"]);
        long last = hasLast ? NumberOf(match.Groups["last"]) : repeats ? long.MaxValue : first;
        long step = match.Groups["step"].Success ? NumberOf(match.Groups["step"]) : 1;
        moments = new InjectionMoments(first, last, step);
        return first >= 1 && last >= first && step >= 1;
    }

    private static long NumberOf(Group digits) => long.Parse(digits.ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(?<first>[0-9]{1,9})(\.\.(?<last>[0-9]{1,9}))?((?<plus>\+)(?<step>[0-9]{1,9})?)?$")]
    private static partial Regex Expression();
}
