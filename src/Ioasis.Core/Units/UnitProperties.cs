namespace Ioasis.Core.Units;

/// <summary>
/// The properties of a unit in a machine's description, beside its name and driver. The driver asks for each property
/// that it knows. A property that it does not ask for is a mistake in the description.
/// </summary>
public abstract class UnitProperties
{
    /// <summary>No properties: the driver's defaults apply.</summary>
    public static UnitProperties None { get; } = new Nothing();

    /// <summary>A truth value; <paramref name="otherwise"/> if the description has none.</summary>
    public abstract bool Boolean(string name, bool otherwise);

    /// <summary>A number; null if the description has none.</summary>
    public abstract ulong? Unsigned(string name);

    /// <summary>A text; null if the description has none.</summary>
    public abstract string? String(string name);

    /// <summary>A list of groups of properties; empty if the description has none.</summary>
    /// <param name="name">The list's name.</param>
    /// <param name="what">What each group describes, for messages: <c>a reserved range</c>.</param>
    public abstract IReadOnlyList<UnitProperties> List(string name, string what);

    /// <summary>The exception for a value that the driver does not take. Its message has the file and line.</summary>
    /// <param name="name">The property; empty for the group as a whole.</param>
    /// <param name="sentence">The message: what is wrong and what would be right, without a full stop.</param>
    public abstract Exception Mistake(string name, string sentence);

    /// <summary>A number of up to <paramref name="most"/>; null if the description has none.</summary>
    /// <param name="name">The property.</param>
    /// <param name="most">The largest number.</param>
    /// <param name="rule">The message about a larger number: what would be right.</param>
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
