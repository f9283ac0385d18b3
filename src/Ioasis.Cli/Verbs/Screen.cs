using System.Globalization;

namespace Ioasis.Cli.Verbs;

/// <summary>What standard output is: whether it shows colours, and how wide it is.</summary>
internal static class Screen
{
    private const int Narrowest = 40, Usual = 80;

    /// <summary>The width that text is wrapped at: COLUMNS, else the terminal's, else 80.</summary>
    internal static int Width
    {
        get
        {
            if (int.TryParse(Environment.GetEnvironmentVariable("COLUMNS"), NumberStyles.None,
                CultureInfo.InvariantCulture, out int columns) && columns > 0) return Math.Max(columns, Narrowest);
            if (Console.IsOutputRedirected) return Usual;
            int window = Console.WindowWidth;
            return window > 0 ? Math.Max(window, Narrowest) : Usual;
        }
    }

    /// <summary>Whether text to a writer may have colours: a terminal with colours, and NO_COLOR is unset.</summary>
    internal static bool HasColours(TextWriter output) => ReferenceEquals(output, Console.Out)
        && !Console.IsOutputRedirected
        && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

    internal static string Red(string text) => Coloured(31, text);

    internal static string Green(string text) => Coloured(32, text);

    internal static string Yellow(string text) => Coloured(33, text);

    internal static string Bold(string text) => Coloured(1, text);

    private static string Coloured(int code, string text) =>
        string.Create(CultureInfo.InvariantCulture, $"\e[{code}m{text}\e[0m");
}
