using System.Globalization;

namespace Ioasis.Memory;

/// <summary>
/// A requester ID: bus, device and function of a PCI function, and its segment. The text form is that of sysfs,
/// <c>ssss:bb:dd.f</c> in hexadecimal; the segment is optional and defaults to 0.
/// </summary>
public readonly record struct RequesterId : IComparable<RequesterId>
{
    /// <summary>Makes a requester ID from its parts.</summary>
    /// <param name="segment">PCI segment group (sysfs: domain).</param>
    /// <param name="bus">Bus number.</param>
    /// <param name="device">Device number, 0 to 31.</param>
    /// <param name="function">Function number, 0 to 7.</param>
    /// <exception cref="ArgumentOutOfRangeException">A part is out of its range.</exception>
    public RequesterId(ushort segment, byte bus, byte device, byte function)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(device, (byte)31);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(function, (byte)7);
        Value = ((uint)segment << 16) | ((uint)bus << 8) | ((uint)device << 3) | function;
    }

    /// <summary>Segment, bus, device and function in one number; 16, 8, 5 and 3 bits from the top.</summary>
    public uint Value { get; }

    /// <summary>The same as a key of tables: the framework has compiled code for tables by int.</summary>
    internal int Key => (int)Value;

    /// <summary>PCI segment group.</summary>
    public ushort Segment => (ushort)(Value >> 16);

    /// <summary>Bus number.</summary>
    public byte Bus => (byte)(Value >> 8);

    /// <summary>Device number, 0 to 31.</summary>
    public byte Device => (byte)((Value >> 3) & 31);

    /// <summary>Function number, 0 to 7.</summary>
    public byte Function => (byte)(Value & 7);

    /// <summary>The 16 bits that a request carries on the bus.</summary>
    public ushort Rid => (ushort)Value;

    /// <summary>Parses <c>ssss:bb:dd.f</c> or <c>bb:dd.f</c>.</summary>
    /// <exception cref="FormatException">The text is neither.</exception>
    public static RequesterId Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return TryParse(text, out RequesterId id)
            ? id
            : throw new FormatException($"\"{text}\" is not an address such as 1000:00:05.0.");
    }

    /// <summary>Parses <c>ssss:bb:dd.f</c> or <c>bb:dd.f</c>; false when the text is neither.</summary>
    public static bool TryParse(string? text, out RequesterId id)
    {
        id = default;
        string[] parts = (text ?? "").Split(':');
        if (parts.Length is not (2 or 3)) return false;
        ushort segment = 0;
        if (parts.Length == 3 && !TryHex(parts[0], 4, ushort.MaxValue, out segment)) return false;
        string[] slot = parts[^1].Split('.');
        if (slot.Length != 2 || !TryHex(parts[^2], 2, byte.MaxValue, out ushort bus)
            || !TryHex(slot[0], 2, 31, out ushort device) || !TryHex(slot[1], 1, 7, out ushort function)) return false;
        id = new RequesterId(segment, (byte)bus, (byte)device, (byte)function);
        return true;
    }

    /// <inheritdoc/>
    public int CompareTo(RequesterId other) => Value.CompareTo(other.Value);

    /// <summary>Whether <paramref name="left"/> sorts before <paramref name="right"/>.</summary>
    public static bool operator <(RequesterId left, RequesterId right) => left.Value < right.Value;

    /// <summary>Whether <paramref name="left"/> sorts after <paramref name="right"/>.</summary>
    public static bool operator >(RequesterId left, RequesterId right) => left.Value > right.Value;

    /// <summary>Whether <paramref name="left"/> does not sort after <paramref name="right"/>.</summary>
    public static bool operator <=(RequesterId left, RequesterId right) => left.Value <= right.Value;

    /// <summary>Whether <paramref name="left"/> does not sort before <paramref name="right"/>.</summary>
    public static bool operator >=(RequesterId left, RequesterId right) => left.Value >= right.Value;

    /// <summary>The text form of sysfs, <c>0000:00:04.0</c>.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Segment:x4}:{Bus:x2}:{Device:x2}.{Function:x}");

    private static bool TryHex(string text, int digits, ushort max, out ushort value) =>
        ushort.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)
        && text.Length <= digits && value <= max;
}
