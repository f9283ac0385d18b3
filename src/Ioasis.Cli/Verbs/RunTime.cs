using System.Globalization;

namespace Ioasis.Cli.Verbs;

/// <summary>A time as timeout(1) takes it: a number, and s, m, h or d.</summary>
internal static class RunTime
{
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(24);

    /// <summary>Reads a time.</summary>
    internal static bool TryRead(string text, out TimeSpan time)
    {
        time = default;
        double seconds = text is [.., var unit] ? unit switch { 'm' => 60, 'h' => 3600, 'd' => 86400, _ => 1 } : 0;
        if (!double.TryParse(text.TrimEnd('s', 'm', 'h', 'd'), NumberStyles.AllowDecimalPoint,
                CultureInfo.InvariantCulture, out double number)
            || text.AsSpan().IndexOfAny("smhd") is var at && at >= 0 && at != text.Length - 1) return false;
        seconds *= number;
        if (seconds <= 0 || seconds > s_longest.TotalSeconds) return false;
        time = TimeSpan.FromSeconds(seconds);
        return true;
    }
}
