namespace Ioasis.Memory;

/// <summary>
/// A range of I/O virtual addresses, both ends inclusive, so that it can end at the last byte of the space.
/// </summary>
public readonly record struct IovaRange
{
    /// <summary>Makes a range of its first and last byte.</summary>
    /// <param name="first">First byte.</param>
    /// <param name="last">Last byte, not below <paramref name="first"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The last byte is below the first.</exception>
    public IovaRange(ulong first, ulong last)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(last, first);
        First = first;
        Last = last;
    }

    /// <summary>Every address there is.</summary>
    public static IovaRange All => new(0, ulong.MaxValue);

    /// <summary>First byte.</summary>
    public ulong First { get; }

    /// <summary>Last byte, inclusive.</summary>
    public ulong Last { get; }

    /// <summary>Bytes in the range; 0 stands for 2^64, the length of <see cref="All"/>.</summary>
    public ulong Length => unchecked(Last - First + 1);

    /// <summary>Whether any byte is in both ranges.</summary>
    public bool Overlaps(IovaRange other) => First <= other.Last && other.First <= Last;

    /// <summary>Whether all of <paramref name="other"/> lies in this range.</summary>
    public bool Contains(IovaRange other) => First <= other.First && other.Last <= Last;

    /// <summary>Both ends in hexadecimal.</summary>
    public override string ToString() => $"0x{First:x}-0x{Last:x}";
}
