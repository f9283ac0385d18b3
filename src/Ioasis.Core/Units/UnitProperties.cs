namespace Ioasis.Core.Units;

/// <summary>
/// What a machine's description says of a unit, beside its name and its driver. The driver asks for each property that
/// it knows; a property that it never asks for is a mistake in the description.
/// </summary>
public abstract class UnitProperties
{
    /// <summary>Says nothing: the driver's defaults hold.</summary>
    public static UnitProperties None { get; } = new Nothing();

    /// <summary>A truth value, or <paramref name="otherwise"/> where the description has none.</summary>
    public abstract bool Boolean(string name, bool otherwise);

    /// <summary>A number; null where the description has none.</summary>
    public abstract ulong? Unsigned(string name);

    /// <summary>A text; null where the description has none.</summary>
    public abstract string? String(string name);

    /// <summary>A list of groups of properties; empty where the description has none.</summary>
    /// <param name="name">The list's name.</param>
    /// <param name="what">What each group describes, for messages: <c>a reserved range</c>.</param>
    public abstract IReadOnlyList<UnitProperties> List(string name, string what);

    /// <summary>What to throw about a value that the driver does not take: the message tells where it stands.</summary>
    /// <param name="name">The property; empty for the group as a whole.</param>
    /// <param name="sentence">What is wrong and what would be right, without a full stop.</param>
    public abstract Exception Mistake(string name, string sentence);

    /// <summary>A number of up to <paramref name="most"/>; null where the description has none.</summary>
    /// <param name="name">The property.</param>
    /// <param name="most">The largest number.</param>
    /// <param name="rule">What would be right, for the message about a larger one.</param>
    public int? Count(string name, int most, string rule)
    {
        ulong? count = Unsigned(name);
        if (count > (ulong)most) throw Mistake(name, $"{rule}, not {count}");
        return (int?)count;
    }

    private sealed class Nothing : UnitProperties
    {
        public override bool Boolean(string name, bool otherwise) => otherwise;

        public override ulong? Unsigned(string name) => null;

        public override string? String(string name) => null;

        public override IReadOnlyList<UnitProperties> List(string name, string what) => [];

        public override Exception Mistake(string name, string sentence) => new ArgumentException(sentence, name);
    }
}
