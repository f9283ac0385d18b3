using System.Globalization;

namespace Ioasis.Replay.InProcess;

/// <summary>
/// The memory that sequences name. It stands where player.c maps it, so that what depends on addresses comes out the
/// same.
/// </summary>
internal sealed record Place(string Name, ulong Start, ulong Pages, bool Writable)
{
    internal const ulong Page = 4096;

    internal static readonly Place
        Buffer = new("buf", 0x1_0000_0000, 1024, true),
        ReadOnly = new("ro", 0x1_1000_0000, 16, false),
        Hole = new("hole", 0x1_2000_0000, 0, false),
        Argument = new("arg", 0x1_3000_0000, 1, true),
        ReadOnlyArgument = new("roarg", 0x1_4000_0000, 1, false),
        Array = new("arr", 0x1_5000_0000, 1, true);

    internal static IReadOnlyList<Place> All { get; } = [Buffer, ReadOnly, Hole, Argument, ReadOnlyArgument, Array];

    internal ulong Length => Pages * Page;

    /// <summary>Whether it has all of these bytes.</summary>
    internal bool Contains(ulong start, ulong length) =>
        start >= Start && start - Start <= Length && length <= Length - (start - Start);

    /// <summary>The place that an address is in, or the hole.</summary>
    internal static Place Of(ulong address) => All.FirstOrDefault(p => p.Contains(address, 1)) ?? Hole;

    /// <summary>The value of a number, or of a place with an offset.</summary>
    internal static ulong Resolve(string text)
    {
        string[] parts = text.Split('+', 2);
        if (All.FirstOrDefault(p => p.Name == parts[0]) is { } place)
            return unchecked(place.Start + (parts.Length > 1 ? Number(parts[1]) : 0));
        return Number(text);
    }

    internal static ulong Number(string text) => text.StartsWith("0x", StringComparison.Ordinal)
        ? ulong.Parse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)
        : ulong.Parse(text, CultureInfo.InvariantCulture);
}
