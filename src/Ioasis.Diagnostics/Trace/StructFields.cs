using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Ioasis.Abi;

namespace Ioasis.Diagnostics.Trace;

/// <summary>A field of a structure as it is shown.</summary>
/// <param name="Name">Its name in Linux.</param>
/// <param name="Text">Its value: a decimal number, a hexadecimal one, or names of bits.</param>
/// <param name="IsNumber">Whether the text is a decimal number.</param>
internal readonly record struct ShownField(string Name, string Text, bool IsNumber);

/// <summary>The fields of a structure of the uAPI, by the names that they have in Linux.</summary>
internal sealed class StructFields
{
    private static readonly ConcurrentDictionary<Type, StructFields> s_known = new();

    private readonly string _structure;
    private readonly StructField[] _fields;

    private StructFields(Type type)
    {
        _structure = NameOf(type);
        _fields = type.IsPrimitive
            ? [new StructField("", 0, Marshal.SizeOf(type), type)]
            : [.. Of(type, "", 0)];
    }

    /// <summary>The name of a structure in Linux.</summary>
    internal static string NameOf(Type type) => type.GetCustomAttribute<LinuxStructAttribute>()?.Name ?? type.Name;

    /// <summary>The name of the structure in Linux.</summary>
    internal string Name => _structure;

    /// <summary>The fields, in their order.</summary>
    internal IReadOnlyList<StructField> All => _fields;

    /// <summary>The fields of a type, found once.</summary>
    internal static StructFields Of(Type type) => s_known.GetOrAdd(type, static t => new StructFields(t));

    /// <summary>The fields that the bytes have. Reserved ones are left out where they are 0.</summary>
    internal IEnumerable<ShownField> Read(byte[] bytes)
    {
        foreach (StructField field in _fields)
        {
            if (field.Offset + field.Size > bytes.Length) yield break;
            ReadOnlyMemory<byte> value = bytes.AsMemory(field.Offset, field.Size);
            if (field.IsReserved && value.Span.IndexOfAnyExcept((byte)0) < 0) continue;
            yield return Show(field, value.Span);
        }
    }

    /// <summary>Appends what <see cref="Read"/> finds, as <c>{name=value, ...}</c>; nothing for nothing.</summary>
    internal void Append(StringBuilder text, string before, byte[] bytes)
    {
        int shown = 0;
        foreach (StructField field in _fields)
        {
            if (field.Offset + field.Size > bytes.Length) break;
            ReadOnlySpan<byte> value = bytes.AsSpan(field.Offset, field.Size);
            if (field.IsReserved && value.IndexOfAnyExcept((byte)0) < 0) continue;
            Append(text, before, field, value, shown++);
        }

        if (shown != 0) text.Append('}');
    }

    /// <summary>Appends what <see cref="ReadChanged"/> finds in the same form.</summary>
    internal void AppendChanged(StringBuilder text, string before, byte[] former, byte[] bytes)
    {
        int shown = 0;
        foreach (StructField field in _fields)
        {
            int end = field.Offset + field.Size;
            if (end > former.Length || end > bytes.Length) break;
            ReadOnlySpan<byte> value = bytes.AsSpan(field.Offset, field.Size);
            if (!former.AsSpan(field.Offset, field.Size).SequenceEqual(value))
                Append(text, before, field, value, shown++);
        }

        if (shown != 0) text.Append('}');
    }

    private void Append(StringBuilder text, string before, StructField field, ReadOnlySpan<byte> bytes, int shown)
    {
        if (shown == 0) text.Append(before).Append('{');
        else text.Append(", ");
        if (field.Name.Length != 0) text.Append(field.Name).Append('=');
        switch (field.Form)
        {
            case FieldForm.Bytes: text.Append(Convert.ToHexStringLower(bytes)); break;
            case FieldForm.Flags: text.Append(field.TextOf(_structure, (uint)ValueOf(bytes))); break;
            case FieldForm.Signed: text.Append(CultureInfo.InvariantCulture, $"{(int)ValueOf(bytes)}"); break;
            case FieldForm.Decimal: text.Append(CultureInfo.InvariantCulture, $"{ValueOf(bytes)}"); break;
            default: text.Append(CultureInfo.InvariantCulture, $"0x{ValueOf(bytes):x}"); break;
        }
    }

    /// <summary>The fields that the second bytes have otherwise than the first.</summary>
    internal IEnumerable<ShownField> ReadChanged(byte[] before, byte[] after)
    {
        foreach (StructField field in _fields)
        {
            int end = field.Offset + field.Size;
            if (end > before.Length || end > after.Length) yield break;
            if (!before.AsSpan(field.Offset, field.Size).SequenceEqual(after.AsSpan(field.Offset, field.Size)))
                yield return Show(field, after.AsSpan(field.Offset, field.Size));
        }
    }

    private static IEnumerable<StructField> Of(Type type, string prefix, int at)
    {
        foreach (FieldInfo field in type.GetFields(BindingFlags.Public | BindingFlags.Instance))
        {
            string name = prefix + (field.GetCustomAttribute<LinuxFieldAttribute>()?.Name ?? LinuxNameOf(field.Name));
            int offset = at + (int)Marshal.OffsetOf(type, field.Name);
            Type inner = field.FieldType;
            bool isArray = inner.GetCustomAttribute<InlineArrayAttribute>() is not null;
            IEnumerable<StructField> found = inner.IsPrimitive || inner.IsEnum || isArray
                ? [new StructField(name, offset, SizeOf(inner), inner)]
                : Of(inner, name + ".", offset);
            foreach (StructField one in found) yield return one;
        }
    }

    private static int SizeOf(Type type)
    {
        if (type.IsEnum) return Marshal.SizeOf(Enum.GetUnderlyingType(type));
        if (type.GetCustomAttribute<InlineArrayAttribute>() is not { } array) return Marshal.SizeOf(type);
        Type element = type.GetFields(BindingFlags.NonPublic | BindingFlags.Instance)[0].FieldType;
        return array.Length * Marshal.SizeOf(element);
    }

    private static string LinuxNameOf(string name)
    {
        var text = new StringBuilder();
        foreach (char c in name)
        {
            if (char.IsUpper(c) && text.Length > 0) text.Append('_');
            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }

    private ShownField Show(StructField field, ReadOnlySpan<byte> bytes) => field.Form switch
    {
        FieldForm.Bytes => new ShownField(field.Name, Convert.ToHexStringLower(bytes), IsNumber: false),
        FieldForm.Flags => new ShownField(
            field.Name, field.TextOf(_structure, (uint)ValueOf(bytes)), IsNumber: false),
        FieldForm.Signed => new ShownField(
            field.Name, ((int)ValueOf(bytes)).ToString(CultureInfo.InvariantCulture), IsNumber: true),
        FieldForm.Decimal => new ShownField(
            field.Name, ValueOf(bytes).ToString(CultureInfo.InvariantCulture), IsNumber: true),
        _ => new ShownField(field.Name, DiagnosticsJson.Hex(ValueOf(bytes)), IsNumber: false),
    };

    private static ulong ValueOf(ReadOnlySpan<byte> bytes) => bytes.Length switch
    {
        1 => bytes[0],
        2 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
        4 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
        _ => BinaryPrimitives.ReadUInt64LittleEndian(bytes),
    };
}

/// <summary>How the value of a field is written.</summary>
internal enum FieldForm
{
    /// <summary>Bytes in hexadecimal, of arrays.</summary>
    Bytes,

    /// <summary>The names of bits.</summary>
    Flags,

    /// <summary>A signed decimal number: a descriptor.</summary>
    Signed,

    /// <summary>A decimal number: a count, an ID or a length.</summary>
    Decimal,

    /// <summary>A hexadecimal number: an address.</summary>
    Hexadecimal,
}

/// <summary>A field of a structure.</summary>
/// <param name="Name">Its name in Linux; empty where the structure is one number.</param>
/// <param name="Offset">Bytes before it.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Type">Its type.</param>
internal sealed record StructField(string Name, int Offset, int Size, Type Type)
{
    private volatile Tuple<uint, string>? _last; // flags that were shown last: calls in a row mostly have the same

    internal bool IsReserved { get; } = Name.Contains("reserved", StringComparison.Ordinal)
        || Name.Contains("pad", StringComparison.Ordinal);

    /// <summary>How its value is written.</summary>
    internal FieldForm Form { get; } = Size is not (1 or 2 or 4 or 8)
        ? FieldForm.Bytes
        : Name == "flags" && Size == sizeof(uint)
            ? FieldForm.Flags
            : Type == typeof(int)
                ? FieldForm.Signed
                : Size < sizeof(ulong) || Name.EndsWith("length", StringComparison.Ordinal)
                    || Name.EndsWith("size", StringComparison.Ordinal)
                        ? FieldForm.Decimal
                        : FieldForm.Hexadecimal;

    /// <summary>The names of the bits of a field of flags. Any thread may ask.</summary>
    /// <param name="structure">The structure's name in Linux.</param>
    /// <param name="value">The bits.</param>
    internal string TextOf(string structure, uint value)
    {
        if (_last is { } last && last.Item1 == value) return last.Item2;
        string text = FlagNames.TextOf(structure, value);
        _last = Tuple.Create(value, text);
        return text;
    }
}
